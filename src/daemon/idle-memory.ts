import type { Bytes, Ms } from "../base/units.ts";
import { releaseMemory } from "../linux/release-memory.ts";

/** How often it is looked whether the daemon rests. */
const lookEveryMs: Ms = 5_000;
/** It rests while it took less CPU than this since the last look: a kubelet's questions about 100 pods take half of it. */
const restMs: Ms = 100;
/** So many looks in a row find it resting before anything is done: by then its threads have ended, too. */
const restingLooks = 3;
/**
 * When it has grown by less there is little to give back, for the 20 ms that a collection of 20 MB holds the thread up: of one that has
 * only been asked things since, again and again, and of one that has worked.
 */
const growthAtRest: Bytes = 16 << 20;
const growthByWork: Bytes = 4 << 20;

/** Collects garbage and gives memory back to the kernel when the daemon rests and has grown, by its start among others. */
export function releaseWhenResting(): Disposable {
  let smallest = 0;
  let rested = 0;
  let growth = growthByWork;
  let looked = cpuTime();
  const timer = setInterval(() => {
    const now = cpuTime();
    rested = now - looked < restMs ? rested + 1 : 0;
    if (rested === 0) growth = growthByWork;
    looked = now;
    const resident = residentBytes();
    if (resident === undefined) return;
    smallest = Math.min(smallest, resident);
    if (rested < restingLooks || resident - smallest < growth) return;
    globalThis.gc?.(); // there when Node was started with --expose-gc, as bin/berth does
    releaseMemory();
    looked = cpuTime();
    smallest = residentBytes() ?? smallest;
    growth = growthAtRest;
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Undefined while no more files can be opened. */
function residentBytes(): Bytes | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** Of all threads, in milliseconds. */
function cpuTime(): Ms {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
