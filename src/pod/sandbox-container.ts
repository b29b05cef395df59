import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { FileOwner } from "../linux/contract.ts";
import { lowestOomScoreAdj } from "../linux/oom-score.ts";
import { pauseProgram } from "../linux/pause-program.ts";
import { monitorCgroup, sandboxCgroup } from "./cgroup.ts";
import type { PodAttempt } from "./parts.ts";
import { sandboxConfig } from "./sandbox-config.ts";
import type { PodSandboxRecord } from "./state.ts";
import { podRoot } from "./user-namespace.ts";

/** Its program in its root file system. */
const program = "pause";

/** What a kubelet's sandboxes have elsewhere: it goes after all containers, as these end with it. */
const wantedOomScoreAdj = -998;

/** How long the kernel may take to let go of its cgroup. */
const removeWait: Ms = 2_000;

/** The pod's own container is one by the pod's id to monitor and runtime. */
function ownContainerId(id: PodSandboxId): ContainerId {
  return id as string as ContainerId;
}

function sharesPidNamespace(record: PodSandboxRecord): boolean {
  return record.config.security.namespaces.pid === "pod";
}

function hasOwnContainer(record: PodSandboxRecord): boolean {
  return record.sandboxer !== undefined || sharesPidNamespace(record);
}

/**
 * Starts the pod's own container, where it needs one: for a runtime that makes a sandbox of it, in which it then makes the pod's
 * containers; or to hold a PID namespace that they share, which lives no longer than its first process, so that a bind mount
 * alone can't hold it. It lives as long as the pod.
 */
export async function startSandboxContainer(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!hasOwnContainer(record)) return;
  const { host } = attempt;
  const id = ownContainerId(record.id);
  const { bundle, rootfs } = host.paths.container(id);
  await makeRootfs(rootfs, podRoot(record.config));
  const oomScoreAdj = Math.max(wantedOomScoreAdj, await lowestOomScoreAdj());
  const config = sandboxConfig(record, host, { rootfs, program: `/${program}`, oomScoreAdj });
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

/** The runtime adds its devices as the pod's root, and mounts on what is there: it is read-only to it. */
async function makeRootfs(rootfs: string, owner: FileOwner | undefined): Promise<void> {
  const directories = ["proc", "dev", "sys", "etc"].map((name) => join(rootfs, name));
  for (const directory of [rootfs, ...directories]) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
  }
  const files = [join(rootfs, "etc/resolv.conf"), join(rootfs, program)];
  for (const file of files) await writeFile(file, "", { mode: 0o755 });
  await writeFile(join(rootfs, program), pauseProgram());
  if (owner === undefined) return;
  for (const path of [rootfs, ...directories, ...files]) await chown(path, owner.uid, owner.gid);
}

export async function removeSandboxContainer(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!hasOwnContainer(record)) return;
  const { host } = attempt;
  const id = ownContainerId(record.id);
  const { bundle } = host.paths.container(id);
  const pin = pidPin(record, attempt);
  await host.mounts.unmount(pin);
  await rm(pin, { force: true });
  await host.runtime.delete(id, record.handler, signal);
  await host.cgroups.remove(sandboxCgroup(record, host.config.cgroup.driver), removeWait);
  await rm(bundle, { recursive: true, force: true });
}
