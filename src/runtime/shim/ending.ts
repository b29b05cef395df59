import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../base/deadline.ts";
import { isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { deleteTask } from "./delete-task.ts";
import { type Ending, endingOf, readMarker, writeMarker } from "./marker.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { isSilent, killWait } from "./silent.ts";

/** How long an exit may take to be noted once the shim says that the container has stopped. */
const noteWait: Ms = 1000;
/** How long a shim may take to forget a container, and then to end. */
const forgetDeadline: Ms = 20_000;
/** How long a container in a sandbox may take to end that was killed. */
const endWait: Ms = 10_000;

/*
 * The steps from one Ending to the next. A container on this host goes from "lives" to "noted" by its shim's word (ShimExits), and on by
 * `forgetEnded`. One in a sandbox may be killed without such a word, as shims wait for containers from their start on: `endOfKilled`.
 */

/**
 * What comes of a container in a sandbox that was killed and of whose exit its shim says nothing: "untold" if it has stopped, as gVisor's
 * says; "noted" if it was only created, as Kata's says to the end, which takes it away when told to. "lives": it goes on, or its exit
 * is the shim's to tell, or told by now.
 */
export async function endOfKilled(
  id: ContainerId,
  { calls }: Pick<Shim, "calls">,
  paths: Paths,
  signal: AbortSignal,
): Promise<Exclude<Ending, "forgotten">> {
  for (const until = performance.now() + noteWait; ; await sleep(20)) {
    const marker = readMarker(id, paths);
    if (marker?.over !== undefined) return "lives";
    const state = await calls.state({ id }, { timeout: killWait, signal }).catch(() => undefined);
    const isStopped = state?.status === Status.STOPPED;
    if (isStopped && marker?.isStarted === undefined) return "untold"; // of what was not started no exit is told later
    const isOnlyCreated = state?.status === Status.CREATED && marker?.isStarted === undefined;
    if (!isStopped && !isOnlyCreated) return "lives";
    if (performance.now() > until) return isStopped ? "untold" : "noted";
  }
}

/**
 * A container's end is noted: its shim need not know of it any more, and ends with the last that runs. What has ended may be kept for
 * days (a Job's pod is), and a shim takes ten megabytes.
 *
 * @throws {Fault} deadline
 */
export async function forgetEnded(
  id: ContainerId,
  shim: Shim,
  { shims, paths }: Pick<ShimParts, "shims" | "paths">,
): Promise<void> {
  const signal = AbortSignal.timeout(forgetDeadline);
  if (!(await deleteTask(id, shim, signal))) return;
  const marker = readMarker(id, paths);
  if (marker === undefined) return; // it is being deleted
  writeMarker(id, { ...marker, over: "forgotten" }, paths);
  await shims.leave(id, shim.group, signal);
}

/**
 * Ends a container, and has its shim delete it, unless it has before. "left": the shim could not, or is gone, and its program is to
 * clean up.
 *
 * @param isHere its processes are this host's, and were killed before
 */
export async function endForDeletion(
  id: ContainerId,
  { shim, isHere }: { readonly shim: Shim | undefined; readonly isHere: boolean },
  { exits, paths, shims }: ShimParts,
  signal: AbortSignal,
): Promise<"forgotten" | "left"> {
  const forgotten = (other: ContainerId) =>
    waitFor(exits.forget(other), signal, `waiting for the exit of container ${other}`);
  if (endingOf(id, paths) === "untold") return "left";
  // of a sandbox the others go first, and the shim then ends with it
  for (const other of isHere || id !== shim?.group ? [] : shims.containersOf(id))
    if (other !== id && endingOf(other, paths) !== "lives") await forgotten(other);
  if (!isHere && shim !== undefined && endingOf(id, paths) === "lives") {
    if ((await endSandboxed(id, shim, paths, signal)) === "untold") return "left";
  }
  await forgotten(id); // whoever saw it end may be telling the shim just now
  if (endingOf(id, paths) === "forgotten") return "forgotten";
  return shim !== undefined && (await deleteTask(id, shim, signal)) ? "forgotten" : "left";
}

/**
 * Ends a container in a sandbox, or the sandbox. "untold": its shim must not be told to delete it. Kata's deletes a sandbox that runs, or
 * was only created, without a word, and leaves its machine to itself; gVisor's waits for the output of what was never started, for good.
 */
async function endSandboxed(
  id: ContainerId,
  shim: Shim,
  paths: Paths,
  signal: AbortSignal,
): Promise<"noted" | "untold"> {
  const { calls, group, client } = shim;
  if (client.isSilent && (await isSilent(shim))) return "untold";
  await calls.kill({ id, signal: 9, all: true }, { timeout: killWait, signal }).catch(() => undefined); // it has ended, or is gone
  if (readMarker(id, paths)?.isStarted === undefined) {
    const ending = await endOfKilled(id, shim, paths, signal);
    if (ending !== "lives") return id === group ? "untold" : ending;
  }
  try {
    await calls.wait({ id }, { timeout: endWait, signal });
    return "noted";
  } catch (error) {
    return isFault(error, "notFound") ? "noted" : "untold";
  }
}
