import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ms } from "../base/units.ts";
import { lowestOomScoreAdj } from "../linux/oom-score.ts";
import { monitorCgroup, sandboxCgroup } from "./cgroup.ts";
import type { PodAttempt } from "./parts.ts";
import { sandboxConfig } from "./sandbox-config.ts";
import { makeSandboxRootfs, ownContainerId, removeSandboxRootfs, sandboxProgram } from "./sandbox-rootfs.ts";
import type { PodSandboxRecord } from "./state.ts";

/** What a kubelet's sandboxes have elsewhere: it goes after all containers, as these end with it. */
const wantedOomScoreAdj = -998;

/** How long the kernel may take to let go of its cgroup. */
const removeWait: Ms = 2_000;

function sharesPidNamespace(record: PodSandboxRecord): boolean {
  return record.config.security.namespaces.pid === "pod";
}

/** Whether the pod needs one: for a runtime that makes a sandbox of it, or to hold a PID namespace. */
export function hasOwnContainer(record: PodSandboxRecord): boolean {
  return record.sandboxer !== undefined || sharesPidNamespace(record);
}

/**
 * Starts the pod's own container: for a runtime that makes a sandbox of it, in which it then makes the pod's
 * containers; or to hold a PID namespace that they share, which lives no longer than its first process, so that a bind mount
 * alone can't hold it. It lives as long as the pod.
 */
export async function startSandboxContainer(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host } = attempt;
  const id = ownContainerId(record.id);
  const { bundle, rootfs } = host.paths.container(id);
  const device = await makeSandboxRootfs(record, host);
  const oomScoreAdj = Math.max(wantedOomScoreAdj, await lowestOomScoreAdj());
  const config = sandboxConfig(record, host, { rootfs, program: `/${sandboxProgram}`, oomScoreAdj });
  await writeFile(join(bundle, "config.json"), JSON.stringify(config), { mode: 0o600 });
  const monitored = await host.runtime.create(
    {
      id,
      handler: record.handler,
      bundle,
      name: `sandbox-${record.config.metadata.name}`,
      logPath: undefined,
      stdin: false,
      stdinOnce: false,
      tty: false,
      monitorCgroup: monitorCgroup(record),
      ...(device && { rootfs: device }),
    },
    signal,
  );
  await host.runtime.start(id, record.handler, signal);
  if (record.sandboxer === undefined) {
    const pin = pidPin(record, attempt);
    await writeFile(pin, "", { mode: 0o600 });
    await host.mounts.bind(`/proc/${monitored.init.pid}/ns/pid`, pin);
  }
  attempt.init = monitored;
}

/** Where a PID namespace of this host is held that the pod's containers share; in a sandbox it is the sandbox's affair. */
function pidPin({ id }: PodSandboxRecord, { host }: PodAttempt): string {
  return join(host.paths.pod(id).namespaces, "pid");
}

/** Ends it, and takes away its pin, cgroup, root file system and bundle. Succeeds when there is none. */
export async function removeSandboxContainer(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host } = attempt;
  const id = ownContainerId(record.id);
  const { bundle } = host.paths.container(id);
  const pin = pidPin(record, attempt);
  await host.mounts.unmount(pin);
  await rm(pin, { force: true });
  await host.runtime.delete(id, record.handler, signal);
  await host.cgroups.remove(sandboxCgroup(record, host.config.cgroup.driver), removeWait);
  await removeSandboxRootfs(record, host);
  await rm(bundle, { recursive: true, force: true });
}
