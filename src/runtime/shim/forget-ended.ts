import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import { deleteTask } from "./delete-task.ts";
import { readMarker, writeMarker } from "./marker.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";

/** How long a shim may take to forget a container, and then to end. */
const forgetDeadline: Ms = 20_000;

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
