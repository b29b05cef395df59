import type { Ms } from "../base/units.ts";
import { releaseMemory } from "../linux/release-memory.ts";

/** How often it is looked whether the daemon rests. */
const lookEveryMs: Ms = 5_000;
/** It rests when it took less CPU than this since the last look: a kubelet's questions about 100 pods take half of it. */
const restMs: Ms = 100;
/** After less CPU than this there is little to give back, for the 20 ms that a collection of 20 MB holds the thread up. */
const workMs: Ms = 500;

/** Collects garbage and gives memory back to the kernel when the daemon rests after work, its start among it. */
export function releaseWhenResting(): Disposable {
  let released = -workMs;
  let looked = cpuTime();
  const timer = setInterval(() => {
    const now = cpuTime();
    const resting = now - looked < restMs;
    looked = now;
    if (!resting || now - released < workMs) return;
    globalThis.gc?.(); // there when Node was started with --expose-gc, as bin/berth does
    releaseMemory();
    looked = cpuTime();
    released = looked;
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Of all threads, in milliseconds. */
function cpuTime(): Ms {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
