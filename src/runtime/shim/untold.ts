import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { readMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";

/** How long an exit may take to be noted once the shim says that the container has stopped. */
const noteWait: Ms = 1000;

/**
 * Whether a container that was killed has stopped, and its shim tells no exit: gVisor's waits for containers from their start on, and
 * has none to tell of one that was never started.
 */
export async function endsUntold(
  id: ContainerId,
  { calls }: Pick<Shim, "calls">,
  paths: Paths,
  signal: AbortSignal,
): Promise<boolean> {
  for (const until = performance.now() + noteWait; ; await sleep(20)) {
    if (readMarker(id, paths)?.over !== undefined) return false;
    const state = await calls.state({ id }, { signal }).catch(() => undefined);
    if (state?.status !== Status.STOPPED) return false;
    if (performance.now() > until) return true;
  }
}
