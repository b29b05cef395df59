import type { Logger } from "pino";
import { deadlineIn } from "../base/deadline.ts";
import { describeFault, during } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { ContainerExit, MonitoredContainer } from "../runtime/contract.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";
import { forgetEnded } from "./forget-ended.ts";
import { tellStopped } from "./nri/tell.ts";
import type { ContainerBook, ContainerHost, ContainerParts } from "./parts.ts";
import { releaseEnded } from "./processors/step.ts";
import { type ContainerRecord, containerExited, type ExitReason } from "./state.ts";

/** How long an exit may wait for an operation on the same container. */
const LOCK_WAIT_MS = 600_000;

/** Those whose exits are to be told. Of containers of another boot, which no monitor knows, the recovery tells. */
export function* liveContainers({
  records,
  bootId: thisBoot,
}: Pick<ContainerBook, "records" | "bootId">): Iterable<{ id: ContainerId; container: MonitoredContainer }> {
  for (const { id, state, bootId } of records.values()) {
    if (bootId !== thisBoot) continue;
    if (state.kind === "created" || state.kind === "running") yield { id, container: state.process };
  }
}

/** Takes the container's lock, so that an exit is recorded after the start that it belongs to. */
export async function recordExit(exit: ContainerExit, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  using deadline = deadlineIn(LOCK_WAIT_MS);
  using _container = await book.locks.hold(exit.id, deadline.signal);
  const record = book.records.get(exit.id);
  if (record === undefined || (record.state.kind !== "created" && record.state.kind !== "running")) return;
  const mayBeLeft = exit.cause === "monitorLost" || record.config.security.namespaces.pid !== "container";
  if (mayBeLeft) await endLeft(record, host, book.log);
  await releaseEnded(record, host, book.log);
  const refused = book.refusedCalls.stoppedFor(exit.id);
  const ended = {
    exitCode: exit.code,
    reason: refused === undefined ? exitReason(exit) : ("SeccompKilled" as const),
    message:
      refused === undefined
        ? (book.evictions.get(exit.id) ?? exitMessage(exit, record.resources))
        : `stopped for system calls that its seccomp profile refuses: ${refused}`,
    finishedAt: exit.at,
  };
  const exited = containerExited(record, ended);
  await book.records.put(exit.id, exited).catch((error: unknown) => {
    const why = during(`recording the exit of container ${exit.id}`, error);
    book.exits.unrecorded(exit.id, why);
    throw why;
  });
  book.exits.exited(exit.id);
  publishLifecycle(book.events, "stopped", { container: record.id, pod: record.podId });
  tellStopped(exited, parts);
  book.log.info(
    { pod: record.podId, container: exit.id, exitCode: exit.code, reason: ended.reason },
    "container exited",
  );
  // a kernel's count of kills stays to be asked for, and goes with the cgroup
  if (exit.cause !== "oomKilled") void forgetEnded(exited, parts);
}

/**
 * The kernel ends what is left in a PID namespace with its first process; in a shared one, a container's goes on, and so does in a
 * sandbox all of one that lost its monitor.
 */
async function endLeft(
  { id, handler, podId }: ContainerRecord,
  host: ContainerHost,
  log: Logger,
): Promise<void> {
  try {
    await host.runtime.kill(id, handler, "SIGKILL", true, AbortSignal.timeout(host.config.deadline.undo));
  } catch (error) {
    log.warn(
      { pod: podId, container: id, err: describeFault(error) },
      "what the container left could not be killed",
    );
  }
}

function exitReason(exit: ContainerExit): ExitReason {
  switch (exit.cause) {
    case "oomKilled":
      return "OOMKilled";
    case "monitorLost":
      return "MonitorLost";
    case "sandboxLost":
      return "SandboxLost";
    case "exited":
      return exit.code === 0 ? "Completed" : "Error";
  }
}

/** The kubelet shows it before the container's own termination message: nothing where the code says it all. */
function exitMessage({ cause, code }: ContainerExit, { memoryLimit = 0 }: LinuxResources): string {
  switch (cause) {
    case "exited":
      return "";
    case "monitorLost":
      return "its monitor was killed, or had no room to note the exit (berth doctor disk), so its true exit code is not known";
    case "sandboxLost":
      return "its pod's sandbox ended, and it with that, so its own exit code is not known";
    case "oomKilled": {
      // 128 + KILL, or else the container's first process went on
      const what = code === 137 ? "it" : "a process in it";
      return memoryLimit > 0
        ? `the kernel killed ${what} for memory: its limit is ${memoryLimit / 2 ** 20} MiB`
        : `the kernel killed ${what} for memory: it has no limit of its own, its pod or the node had none left`;
    }
  }
}
