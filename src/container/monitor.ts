import { Fault } from "../base/fault.ts";
import type { CreateRequest, MonitoredContainer } from "../runtime/contract.ts";
import { withFailedHook } from "./failed-hook.ts";
import { unmountMapped } from "./mapped.ts";
import type { ContainerAttempt, ContainerHost } from "./parts.ts";
import type { ContainerPod } from "./pod.ts";
import { handOverRootfs } from "./rootfs.ts";
import type { ContainerRecord } from "./state.ts";

/** How long the kernel may take to let go of a cgroup whose last process was just killed. */
const REMOVE_WAIT_MS = 2_000;

/** Starts the monitor, which has the OCI runtime create the container; one from a checkpoint has none before its start. */
export async function createMonitored(
  record: ContainerRecord,
  attempt: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host, pod } = attempt;
  if (pod === undefined) throw new Fault("internal", `container ${record.id}: its pod is not known`);
  if (record.restored !== undefined) return;
  try {
    const rootfs = await handOverRootfs(record, attempt);
    const request = { ...createRequest(record, pod, host), ...(rootfs && { rootfs }) };
    attempt.process = await host.runtime.create(request, signal);
  } catch (error) {
    const { bundle } = host.paths.container(record.id);
    throw await withFailedHook(error, host.runtime.configOf(record.id), bundle);
  }
  await unmountMapped(record, host); // the container has its own now
}

/** Starts the monitor, which has the OCI runtime restore the container: it runs then. */
export async function restoreMonitored(
  record: ContainerRecord,
  pod: ContainerPod,
  host: ContainerHost,
  signal: AbortSignal,
): Promise<MonitoredContainer> {
  const { images: restoreFrom } = host.paths.checkpoint(record.id);
  const tty = host.runtime.configOf(record.id)?.process.terminal ?? false;
  return await host.runtime.create({ ...createRequest(record, pod, host), tty, restoreFrom }, signal);
}

function createRequest(
  record: ContainerRecord,
  { monitorCgroup }: ContainerPod,
  { paths }: Pick<ContainerHost, "paths">,
): CreateRequest {
  return {
    id: record.id,
    handler: record.handler,
    bundle: paths.container(record.id).bundle,
    name: record.config.metadata.name,
    logPath: record.logPath === "" ? undefined : record.logPath,
    stdin: record.config.stdin,
    stdinOnce: record.config.stdinOnce,
    tty: record.config.tty,
    monitorCgroup,
    pod: record.podId,
  };
}

/** Ends the container and its monitor, whatever state they are in, and what they leave. */
export async function deleteMonitored(
  record: ContainerRecord,
  { host, adjusted }: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  await host.runtime.delete(record.id, record.handler, signal);
  await host.cgroups.remove(adjusted?.cgroup ?? record.cgroup, REMOVE_WAIT_MS);
}
