import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../../base/deadline.ts";
import { isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Shim } from "./shim.ts";
import { isSilent, killWait } from "./silent.ts";

/** How long a shim may take to see that a container which was killed has ended. */
const stopWait: Ms = 10_000;
/** How long it may take to delete one: gVisor's waits for good for the output of what was created and never started. */
const deleteWait: Ms = 20_000;

/**
 * Has the shim forget a container, which has ended or was killed. False when the shim could not, or does not answer.
 *
 * @throws {Fault} as `signal` says
 */
export async function deleteTask(id: ContainerId, shim: Shim, signal: AbortSignal): Promise<boolean> {
  const { calls, client } = shim;
  for (let wait = 1, until = performance.now() + stopWait; ; wait = Math.min(wait * 2, 50)) {
    if (client.isSilent && (await isSilent(shim))) return false;
    try {
      await calls.delete({ id }, { timeout: deleteWait, signal });
      return true;
    } catch (error) {
      throwIfEnded(signal, `deleting container ${id}`);
      if (isFault(error, "notFound")) return true;
      // lost, or closed from here, as its last container had ended, or it says nothing any more
      if (client.isClosed || performance.now() > until) return false;
      if (client.isSilent) continue;
    }
    // it has not seen the end yet, or is about to
    await calls.kill({ id, signal: 9, all: true }, { timeout: killWait, signal }).catch(() => undefined);
    await sleep(wait);
  }
}
