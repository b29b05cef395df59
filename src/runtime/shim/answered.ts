import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Shim } from "./shim.ts";

/** How long a call may take before its shim is to show that it runs, and how often after that. */
const patience: Ms = 5_000;
/** How long that may take: it is asked by many at once, perhaps, on a node that has no time. */
const showDeadline: Ms = 5_000;

/** Of a shim, what it takes to see that it runs, and to say which does not. */
type AnsweringShim = Pick<Shim, "group" | "handler" | "process" | "nobody" | "client">;

/**
 * Waits for a shim's answer for as long as the shim runs. What takes its time is waited for: a hook, a machine's start. But one that is
 * stopped says nothing, not even that it has no such service as it is asked for, which takes no lock of its. The call is not taken
 * back: a shim that was only stopped for a while does what it was told.
 *
 * @throws {Fault} unavailable when it says nothing; else as the call
 */
export async function answered<Answer>(
  call: Promise<Answer>,
  shim: AnsweringShim,
  times = { patience, showDeadline },
): Promise<Answer> {
  using over = abortedInTheEnd();
  let isSettled = false;
  const settle = () => {
    isSettled = true;
    return true;
  };
  const settled = call.then(settle, settle);
  while (!isSettled) {
    // one that said nothing before gets no time first
    if (!shim.client.isSilent) await Promise.race([settled, pause(times.patience, over.signal)]);
    if (!isSettled && !(await Promise.race([settled, shows(shim, times.showDeadline)]))) throw hangs(shim);
  }
  return await call;
}

function abortedInTheEnd(): Disposable & { readonly signal: AbortSignal } {
  const ending = new AbortController();
  return { signal: ending.signal, [Symbol.dispose]: () => ending.abort() };
}

async function pause(ms: Ms, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal }).catch(() => undefined);
}

/** Whether it runs: that it does not know the question is an answer. */
export async function shows({ nobody, client }: AnsweringShim, timeout = showDeadline): Promise<boolean> {
  await nobody.connect({}, { timeout }).catch(() => undefined);
  return !client.isSilent;
}

export function hangs({ group, handler, process: { pid } }: AnsweringShim, cause?: unknown): Fault {
  return new Fault("unavailable", `the shim of pod ${group} (${handler}, process ${pid}) does not answer`, {
    cause,
    hint: `it is stopped, or hangs: see \`ps -o stat,wchan,args -p ${pid}\`; \`kill -CONT ${pid}\` wakes one that is stopped, and the pod's removal ends it`,
  });
}
