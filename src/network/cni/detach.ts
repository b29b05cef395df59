import { Fault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import { type PodAttachments, unreadable } from "./attachment-store.ts";
import { type Attachment, checkAttachment, deleteAttachment } from "./chain.ts";
import { dropLeases } from "./leases.ts";
import { endLeftoverPlugins } from "./leftover-plugins.ts";
import { dropMasquerade, mayForgetMasquerade } from "./masquerade.ts";
import { firstPinned } from "./netns.ts";
import type { CniParts } from "./parts.ts";

/** Detaches the pod from all its networks, from the cached attachment alone. See `PodNetwork.detach`. */
export async function detachPod(
  id: PodSandboxId,
  netns: string,
  parts: CniParts,
  signal: AbortSignal,
): Promise<void> {
  const stored = parts.store.attached(id);
  if (stored === undefined) return;
  await detachStored(id, netns, stored, parts, signal);
  await parts.store.forgetAttached(id); // forgotten last
}

/** Detaches a pod that was abandoned. Succeeds if it was not; forgetting it is the caller's. */
export async function detachAbandoned(
  id: PodSandboxId,
  netns: string,
  parts: CniParts,
  signal: AbortSignal,
): Promise<void> {
  const stored = parts.store.abandoned(id);
  if (stored !== undefined) await detachStored(id, netns, stored, parts, signal);
}

/** See `PodNetwork.check`. */
export async function checkPod(
  id: PodSandboxId,
  netns: string,
  parts: CniParts,
  signal: AbortSignal,
): Promise<void> {
  const stored = parts.store.attached(id);
  if (stored === undefined || stored === unreadable) {
    throw new Fault("notFound", `there is no cached network attachment of pod ${id}`);
  }
  for (const attachment of stored.attachments) await checkAttachment(attachment, netns, parts.host, signal);
}

async function detachStored(
  id: PodSandboxId,
  netns: string,
  stored: PodAttachments | typeof unreadable,
  parts: CniParts,
  signal: AbortSignal,
): Promise<void> {
  const pod = stored === unreadable ? await rebuilt(id, parts) : stored;
  if (pod.attachments.some(({ result }) => result === undefined)) await endLeftoverPlugins(id);
  const pinned = firstPinned([netns, pod.netns]);
  for (const attachment of pod.attachments.toReversed()) {
    const unsure = await mayForgetMasquerade(attachment, pinned, parts.namespaces);
    await deleteAttachment(attachment, pinned, parts.host, signal);
    await dropMasquerade(attachment, unsure, parts.host, signal);
  }
  if (stored !== unreadable) return;
  const leases = await dropLeases(
    id,
    pod.attachments.map(({ config }) => config),
  );
  if (leases.length > 0)
    parts.log.warn({ pod: id, leases }, "removed address leases of a pod whose record was lost");
}

/** As it would be attached now: the best guess at how it was. */
async function rebuilt(id: PodSandboxId, { directory, log }: CniParts): Promise<PodAttachments> {
  log.warn(
    { pod: id },
    "the cached attachment of a pod can't be read; detaching it from the networks of now",
  );
  const { networks } = await directory.read();
  const attachments = networks.map(
    ({ config }, index): Attachment => ({
      containerId: id,
      interfaceName: `eth${index}`,
      config,
      args: "IgnoreUnknown=1",
      runtimeConfig: {},
    }),
  );
  return { id, netns: "", attachments };
}
