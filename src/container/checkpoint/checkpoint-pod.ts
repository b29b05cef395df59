import { waitFor } from "../../base/deadline.ts";
import { during, Fault } from "../../base/fault.ts";
import type { ContainerId, PodSandboxId } from "../../base/ids.ts";
import type { ContainerParts } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";
import { dropDumps, requireCheckpointable, requireCheckpoints } from "./checkpoint.ts";
import { archiveParts, type Dump, dumpContainers } from "./dump.ts";
import { containerPrefix, writePodOptions } from "./pod-archive.ts";
import { requireLocation, writeArchive } from "./write-archive.ts";

/** A checkpoint of a pod's containers, all of one moment. */
export interface PodCheckpoint {
  /** Where the archive is to be: an absolute path at which nothing is. */
  readonly location: string;
  /** Ids; none: all that run. */
  readonly containers: readonly string[];
  /** What the archive says of the pod itself: texts by name. */
  readonly documents: ReadonlyMap<string, string>;
}

/** Writes an archive of containers of a pod, which run on. @throws {Fault} as `checkpointContainer` */
export async function checkpointPod(
  id: PodSandboxId,
  request: PodCheckpoint,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<void> {
  const { book, host } = parts;
  const { location } = request;
  const inFlight = book.podCheckpoints.get(id);
  if (inFlight !== undefined && inFlight.request !== location)
    throw new Fault("wrongState", `pod sandbox ${id} is being checkpointed to ${inFlight.request}`);
  await requireLocation(location);
  const wanted = containersOf(id, request, parts);
  await requireCheckpoints(parts.pods.get(id), host, wanted);
  const work = book.podCheckpoints.join(id, location, host.config.deadline.checkpoint, async (ending) => {
    await using held = new AsyncDisposableStack();
    // in one order, so that two of these never wait for each other
    for (const one of wanted.toSorted()) held.use(await book.locks.hold(one, ending));
    await checkpointHeld(wanted, request, parts, ending);
    book.log.info({ pod: id, location, containers: wanted }, "pod is checkpointed");
  });
  await waitFor(work, signal, `checkpointing pod sandbox ${id}`);
}

/** @throws {Fault} invalid for a container of another pod; wrongState when none runs */
function containersOf(id: PodSandboxId, request: PodCheckpoint, { book }: ContainerParts): ContainerId[] {
  const all = [...book.byPod.all(id)];
  if (request.containers.length === 0) {
    const running = all.filter(({ state }) => state.kind === "running");
    if (running.length === 0) throw new Fault("wrongState", `no container of pod sandbox ${id} is running`);
    return running.map((record) => record.id);
  }
  return [...new Set(request.containers)].map((wanted) => {
    const record = all.find((one) => one.id === wanted);
    if (record !== undefined) return record.id;
    throw new Fault("invalid", `container_ids: pod sandbox ${id} has no container ${wanted}`);
  });
}

async function checkpointHeld(
  ids: readonly ContainerId[],
  { location, documents }: PodCheckpoint,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<void> {
  const { book, host } = parts;
  const records: readonly ContainerRecord[] = ids.map((id) =>
    requireCheckpointable(id, book.records.get(id)),
  );
  try {
    const dumps: readonly Dump[] = await dumpContainers(records, parts, signal);
    const named = dumps.map((dump) => ({ dump, name: dump.record.config.metadata.name }));
    await writeArchive(
      location,
      [
        ...Array.from(documents, ([name, text]) => ({ name, text })),
        writePodOptions(named.map(({ name }) => name)),
        ...named.flatMap(({ dump, name }) => archiveParts(dump, host, containerPrefix(name))),
      ],
      signal,
    );
  } catch (error) {
    throw during(`writing ${location}`, error);
  } finally {
    await dropDumps(records, parts);
  }
}
