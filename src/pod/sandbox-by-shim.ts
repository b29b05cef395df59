import { readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import { handlerSettings } from "../config/handler-settings.ts";
import { identityAnnotations, passedAnnotations } from "../spec/cri/annotations.ts";
import { monitorCgroup, sandboxCgroupsPath } from "./cgroup.ts";
import type { PodAttempt, PodHost } from "./parts.ts";
import { sizeAnnotations } from "./sandbox-config.ts";
import { ownContainerId } from "./sandbox-rootfs.ts";
import type { PodSandboxRecord } from "./state.ts";

/**
 * Has the handler's shim make the pod's sandbox by itself (containerd's sandbox API). It is told of the pod what the CRI said: its
 * config, with no more of its annotations than containers' runtimes are told.
 *
 * @throws {Fault} unimplemented when containers of this host are to share processes, and the sandbox has none but the node's
 */
export async function startSandboxByShim(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host } = attempt;
  const { id, handler, config } = record;
  const { network, pid } = config.security.namespaces;
  const own = ownContainerId(id);
  const annotations = ownAnnotations(record);
  const monitored = await host.runtime.sandboxes.start(
    {
      id: own,
      handler,
      netns: network === "node" ? "" : join(host.paths.pod(id).namespaces, "net"),
      config: host.encodeConfig({ ...config, annotations: { ...passedOf(record, host), ...annotations } }),
      annotations,
      monitorCgroup: monitorCgroup(record),
      cgroupsPath: sandboxCgroupsPath(record, host.config.cgroup.driver),
    },
    signal,
  );
  attempt.init = monitored;
  if (pid === "pod" && host.runtime.isOnHost(own, handler) && isAmongNodes(monitored.init.pid)) {
    const why = "its shim named no process with a PID namespace of the sandbox's own";
    throw new Fault("unimplemented", `the pod's containers can't share processes: ${why}`);
  }
}

/** Whether a process is in the node's PID namespace, in which no pod's containers may be by mistake. */
function isAmongNodes(pid: number): boolean {
  const [its, own] = [pid, process.pid].map((one) => readlinkSync(`/proc/${one}/ns/pid`));
  return its === own;
}

/** Has its shim end it, and removes its bundle. Succeeds when there is none. @throws {Fault} as `ContainerRuntime.delete` */
export async function removeSandboxByShim(
  { id, handler }: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  const own = ownContainerId(id);
  await host.runtime.delete(own, handler, signal);
  await rm(host.paths.container(own).bundle, { recursive: true, force: true });
}

function passedOf({ config, handler }: PodSandboxRecord, { config: { runtime } }: PodHost) {
  return passedAnnotations(config.annotations, handlerSettings(runtime.handlers, handler).podAnnotations);
}

/** By which shims know pods, and their size, where there is a container of the pod's own. */
function ownAnnotations({ id, config }: PodSandboxRecord): Record<string, string> {
  return { ...sizeAnnotations(config), ...identityAnnotations("sandbox", { id, metadata: config.metadata }) };
}
