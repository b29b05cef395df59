import { deadlineIn } from "../base/deadline.ts";
import { describeFault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { ContainerExit, MonitoredContainer } from "../runtime/contract.ts";
import type { ContainerParts } from "./parts.ts";
import { containerExited, type ExitReason } from "./state.ts";

/** How long an exit may wait for an operation on the same container. */
const LOCK_WAIT_MS = 600_000;

/** Records exits as they happen, and those that happened while no daemon ran, until disposed of. */
export function watchExits(parts: ContainerParts): Disposable {
  const { book, host } = parts;
  return host.runtime.watchExits(
    () => liveContainers(parts),
    (exit) => {
      recordExit(exit, parts).catch((error: unknown) => {
        book.log.error({ container: exit.id, err: describeFault(error) }, "an exit could not be recorded");
      });
    },
  );
}

function* liveContainers({
  book,
}: ContainerParts): Iterable<{ id: ContainerId; container: MonitoredContainer }> {
  for (const { id, state } of book.records.values()) {
    if (state.kind === "created" || state.kind === "running") yield { id, container: state.process };
  }
}

/** Takes the container's lock, so that an exit is recorded after the start that it belongs to. */
async function recordExit(exit: ContainerExit, { book }: ContainerParts): Promise<void> {
  using deadline = deadlineIn(LOCK_WAIT_MS);
  using _container = await book.locks.hold(exit.id, deadline.signal);
  const record = book.records.get(exit.id);
  if (record === undefined || (record.state.kind !== "created" && record.state.kind !== "running")) return;
  const ended = {
    exitCode: exit.code,
    reason: exitReason(exit),
    message: exitMessage(exit),
    finishedAt: exit.at,
  };
  await book.records.put(exit.id, containerExited(record, ended));
  book.exits.exited(exit.id);
  publishLifecycle(book.events, "stopped", { container: record.id, pod: record.podId });
  book.log.info(
    { pod: record.podId, container: exit.id, exitCode: exit.code, reason: ended.reason },
    "container exited",
  );
}

function exitReason(exit: ContainerExit): ExitReason {
  switch (exit.cause) {
    case "oomKilled":
      return "OOMKilled";
    case "monitorLost":
      return "MonitorLost";
    case "exited":
      return exit.code === 0 ? "Completed" : "Error";
  }
}

function exitMessage(exit: ContainerExit): string {
  return exit.cause === "monitorLost" ? "its monitor was killed, so its true exit code is not known" : "";
}
