import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../base/fault.ts";
import type { PodSandboxId } from "../../base/ids.ts";

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
    const left = await pluginsOf(id);
    if (left.length === 0) return;
    if (round === rounds)
      throw new Fault("unavailable", `plugins at work on ${id} can't be killed: ${left.join(", ")}`);
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
    await sleep(waitMs);
  }
}

async function pluginsOf(id: PodSandboxId): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    // latin1 keeps bytes apart, whatever a stranger's environment holds. Zombies have an empty one.
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (environment.includes(`CNI_CONTAINERID=${id}\0`) && Number(pid) !== process.pid)
      found.push(Number(pid));
  }
  return found;
}
