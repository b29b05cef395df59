import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";
import { killIfSame } from "../../linux/kill-if-there.ts";
import { processesWith } from "../../linux/process-environment.ts";

const waitMs = 20;
const rounds = 100;

/**
 * Kills the plugins that a killed daemon left at work on this pod, and waits until they are gone: an ADD that
 * ends after our DEL would leave its traces for good. They are known by their environment, which their own
 * helpers inherit.
 *
 * @throws {Fault} unavailable when one can't be killed
 */
export async function endLeftoverPlugins(id: PodSandboxId): Promise<void> {
  for (let round = 0; ; round++) {
    const left = await processesWith({ CNI_CONTAINERID: id });
    if (left.length === 0) return;
    if (round === rounds)
      throw new Fault(
        "unavailable",
        `plugins at work on ${id} can't be killed: ${left.map(({ pid }) => pid).join(", ")}`,
      );
    for (const plugin of left) killIfSame(plugin);
    await sleep(waitMs);
  }
}
