import type { Logger } from "pino";
import { deadlineIn } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import { KeyedLocks } from "../../base/lock.ts";
import type { Paths } from "../../config/paths.ts";
import type { Config } from "../../config/schema.ts";
import type { Files, Mounts, Namespaces, Processes } from "../../linux/contract.ts";
import type { PodNetwork } from "../contract.ts";
import { attachPod } from "./attach.ts";
import { AttachmentStore, unreadable } from "./attachment-store.ts";
import { ConfDirectory, type ConfiguredNetworks } from "./conf-directory.ts";
import { checkPod, detachAbandoned, detachPod } from "./detach.ts";
import { KeptNamespaces } from "./kept-namespaces.ts";
import type { CniParts } from "./parts.ts";
import { PodCidrs } from "./pod-cidrs.ts";
import { Retries } from "./retries.ts";
import { NetworkStatus } from "./status.ts";
import { sweepAttachments } from "./sweep.ts";

/** What the pods' network is built from. */
export interface PodNetworkParts {
  readonly processes: Processes;
  readonly files: Files;
  readonly mounts: Pick<Mounts, "bind" | "unmount">;
  readonly namespaces: Pick<Namespaces, "addressesWithin">;
  /** What plugins inherit; PATH among it. */
  readonly env: Readonly<Record<string, string>>;
  readonly log: Logger;
}

/** The pods' network by CNI plugins. Nothing is started before the first call. */
export async function openPodNetwork(
  settings: Config["network"],
  paths: Pick<Paths, "cni" | "keptNetns">,
  { processes, files, mounts, namespaces, env, log }: PodNetworkParts,
): Promise<PodNetwork> {
  const store = await AttachmentStore.open(paths.cni, files);
  const kept = new KeptNamespaces(paths.keptNetns, mounts);
  const cidrs = await PodCidrs.open(paths.cni);
  const directory = new ConfDirectory(settings.confDir, settings.maxConfs, (now) => logChange(now, log));
  const host = { processes, env, binDirs: settings.binDirs };
  const collecting = new KeyedLocks<"collecting">();
  const parts: CniParts = { settings, store, directory, cidrs, host, namespaces, collecting, log };
  const status = new NetworkStatus(directory, host);
  const detach = async (id: PodSandboxId, signal: AbortSignal) => {
    using deadline = deadlineIn(settings.delDeadline, signal);
    await detachAbandoned(id, kept.pathOf(id), parts, deadline.signal);
    await kept.drop(id);
  };
  const retries = new Retries(store, detach, log);
  const abandon = async (id: PodSandboxId, reason: string) => {
    await keepNamespace(id, store, kept);
    if (!(await store.abandon(id))) return;
    log.warn(
      { pod: id, err: reason },
      "the pod's network could not be detached; trying again in the background",
    );
    retries.begin();
  };
  return {
    status: () => status.now(),
    attach: (pod, signal) => attachPod(pod, parts, signal),
    detach: (id, netns, signal) => detachPod(id, netns, parts, signal),
    check: (id, netns, signal) => checkPod(id, netns, parts, signal),
    abandon,
    attachments: () => store.attachedIds(),
    async sweep(known, signal) {
      const failed = await sweepAttachments(known, parts, signal);
      for (const { id, reason } of failed) await abandon(id, describeFault(reason));
      await kept.sweep(await store.abandonedIds());
      retries.begin();
    },
    setPodCidrs: (given) => cidrs.set(given),
    close: () => retries.close(),
  };
}

async function keepNamespace(id: PodSandboxId, store: AttachmentStore, kept: KeptNamespaces): Promise<void> {
  const stored = store.attached(id);
  if (stored !== undefined && stored !== unreadable) await kept.keep(id, stored.netns);
}

function logChange({ networks, refused }: ConfiguredNetworks, log: Logger): void {
  for (const { file, reason } of refused)
    log.warn({ file, err: reason }, "a CNI configuration can't be used");
  const used = networks.map(({ file, config }) => ({
    file,
    network: config.name,
    cniVersion: config.cniVersion,
  }));
  if (used.length > 0) log.info({ networks: used }, "networks for pods");
  else log.warn("there is no network for pods");
}
