import { Fault } from "../base/fault.ts";
import type { ContainerAttempt } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** How long the kernel may take to let go of a cgroup whose last process was just killed. */
const REMOVE_WAIT_MS = 2_000;

/** Starts the monitor, which has the OCI runtime create the container. */
export async function createMonitored(
  record: ContainerRecord,
  attempt: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  const { host, pod } = attempt;
  if (pod === undefined) throw new Fault("internal", `container ${record.id}: its pod is not known`);
  attempt.process = await host.runtime.create(
    {
      id: record.id,
      handler: record.handler,
      bundle: host.paths.container(record.id).bundle,
      name: record.config.metadata.name,
      logPath: record.logPath === "" ? undefined : record.logPath,
      stdin: record.config.stdin,
      stdinOnce: record.config.stdinOnce,
      tty: record.config.tty,
      monitorCgroup: pod.monitorCgroup,
    },
    signal,
  );
}

/** Ends the container and its monitor, whatever state they are in, and what they leave. */
export async function deleteMonitored(
  record: ContainerRecord,
  { host }: ContainerAttempt,
  signal: AbortSignal,
): Promise<void> {
  await host.runtime.delete(record.id, record.handler, signal);
  await host.cgroups.remove(record.cgroup, REMOVE_WAIT_MS);
}
