import { deadlineIn, throwIfEnded } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import { bootedAt } from "../../linux/boot-id.ts";
import { unreadable } from "./attachment-store.ts";
import { collectGarbage } from "./chain.ts";
import { detachPod } from "./detach.ts";
import { dropLeasesBefore } from "./leases.ts";
import type { CniParts } from "./parts.ts";

/**
 * Detaches every pod that is not known, and lets the plugins collect garbage where the settings say so.
 *
 * @returns the pods that could not be detached
 */
export async function sweepAttachments(
  known: (id: PodSandboxId) => boolean,
  parts: CniParts,
  signal: AbortSignal,
): Promise<{ id: PodSandboxId; reason: unknown }[]> {
  const { store, settings, log } = parts;
  const failed: { id: PodSandboxId; reason: unknown }[] = [];
  for (const id of await store.attachedIds()) {
    throwIfEnded(signal, "sweeping the network attachments");
    // Asked for each one now: a pod may have begun or ended since the list was read.
    if (known(id)) continue;
    try {
      using deadline = deadlineIn(settings.delDeadline, signal);
      await detachPod(id, "", parts, deadline.signal);
      log.info({ pod: id }, "detached a pod that has no record");
    } catch (reason) {
      failed.push({ id, reason });
    }
  }
  await dropOldLeases(parts);
  if (settings.collectGarbage) await collectAll(parts, signal);
  return failed;
}

async function dropOldLeases({ store, directory, log }: CniParts): Promise<void> {
  const boot = bootedAt();
  if (boot === undefined) return;
  const networks = (await directory.read()).networks.map(({ config }) => config);
  const attached = new Set<string>([...(await store.attachedIds()), ...(await store.abandonedIds())]);
  const leases = await dropLeasesBefore(boot, networks, attached);
  if (leases.length > 0) log.warn({ leases }, "removed address leases that an earlier boot left");
}

async function collectAll(parts: CniParts, signal: AbortSignal): Promise<void> {
  const { store, directory, host, settings, collecting, log } = parts;
  using _collecting = await collecting.hold("collecting", signal);
  const pods = (await store.attachedIds()).map((id) => store.attached(id));
  if (pods.includes(unreadable)) return;
  const attachments = pods.flatMap((pod) => (pod === undefined || pod === unreadable ? [] : pod.attachments));
  for (const { config } of (await directory.read()).networks) {
    const valid = attachments
      .filter((attachment) => attachment.config.name === config.name)
      .map(({ containerId, interfaceName }) => ({ containerID: containerId, ifname: interfaceName }));
    using deadline = deadlineIn(settings.delDeadline, signal);
    const faults = await collectGarbage(config, valid, host, deadline.signal);
    for (const fault of faults)
      log.warn({ network: config.name, err: describeFault(fault) }, "CNI GC failed");
  }
}
