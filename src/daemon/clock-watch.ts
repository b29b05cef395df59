import type { Logger } from "pino";
import type { Ms } from "../base/units.ts";

const lookEveryMs: Ms = 10_000;
/** Less is what a clock is brought in step by, or what a busy machine takes from one look to the next line. */
const jumpMs: Ms = 5_000;

/**
 * Tells the log when the node's clock is set, which explains times in it and elsewhere that contradict one another. Nothing in
 * the daemon waits by that clock: deadlines and pauses are of the one that only runs forward.
 */
export function watchClock(log: Logger): Disposable {
  let before = offset();
  const timer = setInterval(() => {
    const now = offset();
    const jump = now - before;
    before = now;
    if (Math.abs(jump) < jumpMs) return;
    const way = jump > 0 ? "forward" : "back";
    log.warn({ ms: jump }, "the node's clock was set %s by %d s", way, Math.round(Math.abs(jump) / 1000));
  }, lookEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Between the node's clock and the one that only runs forward. */
function offset(): Ms {
  return Date.now() - performance.now();
}
