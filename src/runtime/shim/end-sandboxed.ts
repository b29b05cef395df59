import { isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { readMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";
import { untoldEnd } from "./untold.ts";

/** How long a container in a sandbox may take to end that was killed. */
const endWait: Ms = 10_000;

/**
 * Ends a container in a sandbox, or the sandbox. True when its shim can be told to delete it then: Kata's deletes a sandbox that runs,
 * or was only created, without a word, and leaves its machine to itself; gVisor's waits for the output of what was never started, for
 * good.
 */
export async function endSandboxed(
  id: ContainerId,
  shim: Shim,
  paths: Paths,
  signal: AbortSignal,
): Promise<boolean> {
  const { calls, group } = shim;
  await calls.kill({ id, signal: 9, all: true }, { signal }).catch(() => undefined); // it has ended, or is gone
  if (readMarker(id, paths)?.isStarted === undefined) {
    const over = await untoldEnd(id, shim, paths, signal);
    if (over !== undefined) return over === "noted" && id !== group;
  }
  try {
    await calls.wait({ id }, { timeout: endWait, signal });
    return true;
  } catch (error) {
    return isFault(error, "notFound");
  }
}
