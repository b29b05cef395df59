import { deadlineIn, waitFor } from "../../base/deadline.ts";
import { describeFault, during, Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { ContainerHost, ContainerParts } from "../parts.ts";
import type { ContainerPod } from "../pod.ts";
import type { ContainerRecord } from "../state.ts";
import { archiveParts, dumpContainers } from "./dump.ts";
import { removeCheckpoint } from "./remove-checkpoint.ts";
import { requireLocation, writeArchive } from "./write-archive.ts";

/** A checkpoint of one container. */
export interface ContainerCheckpoint {
  /** Where the archive is to be: an absolute path at which nothing is. */
  readonly location: string;
  /** Undefined: the setting's. */
  readonly timeout: Ms | undefined;
}

/**
 * Writes an archive of a running container, which runs on. When the time is over the caller hears of it at once; a dump
 * that CRIU is in is waited for behind that, as breaking it off would harm the container, and then dropped.
 *
 * @throws {Fault} invalid, alreadyExists (the location); wrongState: it doesn't run, or checkpoints can't work here, with
 * the reason; deadline; internal with what CRIU said
 */
export async function checkpointContainer(
  record: ContainerRecord,
  { location, timeout }: ContainerCheckpoint,
  parts: ContainerParts,
): Promise<void> {
  const { book, host } = parts;
  const { name } = record.config.metadata;
  const inFlight = book.checkpoints.get(record.id);
  if (inFlight !== undefined && inFlight.request !== location)
    throw new Fault("wrongState", `container ${name} is being checkpointed to ${inFlight.request}`);
  await requireLocation(location);
  await requireCheckpoints(parts.pods.get(record.podId), host, [record.id]);
  const limit = timeout ?? host.config.deadline.checkpoint;
  const work = book.checkpoints.join(record.id, location, limit, async (signal) => {
    using _container = await book.locks.hold(record.id, signal);
    await checkpointHeld(record.id, location, parts, signal);
  });
  using deadline = deadlineIn(limit);
  await waitFor(work, deadline.signal, `checkpointing container ${name} (${record.id})`);
}

async function checkpointHeld(
  id: ContainerId,
  location: string,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<void> {
  const { book, host } = parts;
  const record = requireCheckpointable(id, book.records.get(id));
  const began = performance.now();
  const { name } = record.config.metadata;
  try {
    const dumps = await dumpContainers([record], parts, signal);
    const files = dumps.flatMap((dump) => archiveParts(dump, host));
    await writeArchive(location, files, signal);
  } catch (error) {
    throw during(`checkpointing container ${name} (${id})`, error);
  } finally {
    await dropDumps([record], parts);
  }
  const ms = performance.now() - began;
  book.log.info({ pod: record.podId, container: id, location, ms }, "container is checkpointed");
}

/** Takes away what the dumps have on disk. What can't be is left to the next start. */
export async function dropDumps(
  records: readonly ContainerRecord[],
  { host, book }: ContainerParts,
): Promise<void> {
  for (const record of records) {
    await removeCheckpoint(record, { host }).catch((error: unknown) => {
      const err = describeFault(error);
      book.log.warn({ container: record.id, err }, "what a checkpoint left could not be removed");
    });
  }
}

/** @throws {Fault} wrongState with the reason; unimplemented in a user namespace: CRIU restores nothing into one that is there */
export async function requireCheckpoints(
  { id: pod, handler, namespaces }: Pick<ContainerPod, "id" | "handler" | "namespaces">,
  { config, runtime }: Pick<ContainerHost, "config" | "runtime">,
  containers?: readonly ContainerId[],
): Promise<void> {
  if (!config.checkpoint.enable)
    throw new Fault("wrongState", "checkpoints are off", { hint: "the setting is checkpoint.enable" });
  if (namespaces.user !== undefined)
    throw new Fault(
      "unimplemented",
      "containers of a pod with a user namespace can't be checkpointed or restored",
    );
  const subjects = containers?.map((id) => ({ id, pod, handler })) ?? [{ pod, handler }];
  const problems = await Promise.all(subjects.map((subject) => runtime.checkpointProblem(subject)));
  const problem = problems.find((one) => one !== undefined);
  if (problem !== undefined)
    throw new Fault("wrongState", `checkpoints can't work here: ${problem}`, {
      hint: "`berth doctor checkpoint` looks again",
    });
}

/** @throws {Fault} notFound, wrongState */
export function requireCheckpointable(id: ContainerId, record: ContainerRecord | undefined): ContainerRecord {
  if (record === undefined) throw new Fault("notFound", `container ${id} was removed`);
  if (record.state.kind !== "running")
    throw new Fault("wrongState", `container ${id} can't be checkpointed: it is ${record.state.kind}`);
  return record;
}
