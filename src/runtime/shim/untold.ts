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
 * How a container of a sandbox that was killed is over when its shim tells no exit of it; undefined: it tells one, or the container
 * goes on. Shims wait for containers from their start on. "untold": it has stopped, as gVisor's says. "noted": Kata's says to the end
 * that it was created, and takes it away when told to.
 */
export async function untoldEnd(
  id: ContainerId,
  { calls }: Pick<Shim, "calls">,
  paths: Paths,
  signal: AbortSignal,
): Promise<"untold" | "noted" | undefined> {
  for (const until = performance.now() + noteWait; ; await sleep(20)) {
    const marker = readMarker(id, paths);
    if (marker?.over !== undefined) return undefined;
    const state = await calls.state({ id }, { signal }).catch(() => undefined);
    const isStopped = state?.status === Status.STOPPED;
    const isOnlyCreated = state?.status === Status.CREATED && marker?.isStarted === undefined;
    if (!isStopped && !isOnlyCreated) return undefined;
    if (performance.now() > until) return isStopped ? "untold" : "noted";
  }
}
