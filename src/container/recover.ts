import { existsSync } from "node:fs";
import { describeFault } from "../base/fault.ts";
import { nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import { removeCheckpoint } from "./checkpoint/remove-checkpoint.ts";
import type { ContainerParts } from "./parts.ts";
import { removeContainer } from "./remove.ts";
import { adoptStarted } from "./start.ts";
import { type ContainerRecord, containerExited, type LiveState } from "./state.ts";
import { clearFailed } from "./undo.ts";

/** The exit code of a container that a reboot ended. */
const REBOOT_CODE = 255;

/**
 * Brings the records that an earlier daemon left back in line with the host: creates that it was killed in are undone,
 * removals finished, starts that went unrecorded found, containers of another boot ended. Exits are `watchExits`' part.
 */
export async function recoverContainers(parts: ContainerParts): Promise<void> {
  await Promise.all(
    [...parts.book.records.values()].map((record) =>
      recoverOne(record, parts).catch((error: unknown) => {
        const err = describeFault(error);
        parts.book.log.error(
          { pod: record.podId, container: record.id, err },
          "the container could not be recovered; it stays for Remove",
        );
      }),
    ),
  );
}

async function recoverOne(record: ContainerRecord, parts: ContainerParts): Promise<void> {
  const { book } = parts;
  switch (record.state.kind) {
    case "making": {
      const { id, podId, config } = record;
      const subject = { pod: podId, container: id, name: config.metadata.name };
      book.log.info(subject, "undoing a create that the last daemon was killed in");
      using _container = await book.locks.hold(
        record.id,
        AbortSignal.timeout(parts.host.config.deadline.undo),
      );
      if (book.records.get(record.id)?.state.kind === "making") await clearFailed(record, parts);
      return;
    }
    case "created":
    case "running":
      return await recoverLive(record, record.state, parts);
    case "checkpointed":
      return await recoverCheckpointed(record, parts);
    case "removing":
      return await removeContainer(record.id, parts);
    case "exited":
    case "stranded":
      return;
  }
}

async function recoverLive(record: ContainerRecord, state: LiveState, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  using _container = await book.locks.hold(record.id, AbortSignal.timeout(host.config.deadline.undo));
  if (record.bootId !== book.bootId) {
    await recordReboot(record, parts);
    return;
  }
  if (state.kind === "running") return await endLeftCheckpoint(record, parts);
  const found = await host.runtime.state(
    record.id,
    record.handler,
    AbortSignal.timeout(host.config.deadline.undo),
  );
  if (found !== "running") return;
  book.log.info(
    { pod: record.podId, container: record.id },
    "the container was started, though the last daemon did not record it",
  );
  await adoptStarted(record, state.process, parts);
}

async function recordReboot(record: ContainerRecord, { book, host }: ContainerParts): Promise<void> {
  const left = host.runtime.recordedExit(record.id);
  const exit = {
    exitCode: left?.code ?? REBOOT_CODE,
    reason: left?.code === 0 ? "Completed" : "Error",
    message: left === undefined ? "the node was rebooted while it ran" : "",
    finishedAt: left?.at ?? nowNanos(),
  } as const;
  await book.records.put(record.id, containerExited(record, exit));
  publishLifecycle(book.events, "stopped", { container: record.id, pod: record.podId });
}

/**
 * The last daemon may have been killed in the start: what was restored whole by then is found running. What was not is
 * taken away, and the next start restores anew.
 */
async function recoverCheckpointed(record: ContainerRecord, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  const signal = AbortSignal.timeout(host.config.deadline.undo);
  using _container = await book.locks.hold(record.id, signal);
  if (book.records.get(record.id)?.state.kind !== "checkpointed") return;
  if (record.bootId !== book.bootId) return await recordReboot(record, parts);
  const process = host.runtime.monitored(record.id);
  const found =
    process === undefined ? undefined : await host.runtime.state(record.id, record.handler, signal);
  if (process !== undefined && found === "running") return await adoptStarted(record, process, parts);
  await host.runtime.delete(record.id, record.handler, signal);
}

/** The last daemon was killed in a checkpoint: what CRIU began is waited for, then the container goes on. */
async function endLeftCheckpoint(record: ContainerRecord, { book, host }: ContainerParts): Promise<void> {
  if (!existsSync(host.paths.checkpoint(record.id).directory)) return;
  book.log.info(
    { pod: record.podId, container: record.id },
    "ending a checkpoint that the last daemon was killed in",
  );
  await host.runtime.checkpointEnded(record.id, AbortSignal.timeout(host.config.deadline.undo));
  await removeCheckpoint(record, { host });
}
