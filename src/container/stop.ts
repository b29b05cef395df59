import { setTimeout as sleep } from "node:timers/promises";
import { deadlineIn } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { type Ms, nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { ContainerParts } from "./parts.ts";
import { type ContainerRecord, containerExited } from "./state.ts";

/** How long a container may take to vanish after KILL before the stop is given up. */
const KILL_WAIT_MS = 20_000;

/** Stop signal, then KILL once `grace` has passed. A repeat joins; one with less grace shortens what is left. */
export function stopContainer(record: ContainerRecord, grace: Ms, parts: ContainerParts): Promise<void> {
  const { stops } = parts.book;
  const killAt = performance.now() + grace;
  const inFlight = stops.get(record.id);
  if (inFlight !== undefined) {
    inFlight.killBy(killAt);
    return inFlight.result;
  }
  const timer = new KillTimer(killAt);
  const result = stopNow(record.id, grace, timer, parts).finally(() => {
    timer[Symbol.dispose]();
    stops.delete(record.id);
  });
  result.catch(() => undefined);
  stops.set(record.id, { result, killBy: (time) => timer.killBy(time) });
  return result;
}

/** The moment at which patience ends: it can be brought forward, never put off. */
class KillTimer {
  readonly due: Promise<void>;
  readonly #resolve: () => void;
  #at: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(at: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.due = promise;
    this.#resolve = resolve;
    this.#at = Number.POSITIVE_INFINITY;
    this.killBy(at);
  }

  killBy(at: number): void {
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#resolve, Math.min(Math.max(0, at - performance.now()), 0x7fffffff));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Holds no lock while it waits: the exit is recorded under it. */
async function stopNow(id: ContainerId, grace: Ms, timer: KillTimer, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  await book.starts.get(id)?.result.catch(() => undefined);
  const record = book.records.get(id);
  if (record?.state.kind === "checkpointed") return await stopUnrestored(id, parts);
  if (record === undefined || (record.state.kind !== "created" && record.state.kind !== "running")) return;
  const exited = book.exits.next(id);
  using deadline = deadlineIn(grace + 2 * KILL_WAIT_MS);
  const { signal } = deadline;
  if (grace > 0 && record.state.kind === "running") {
    await host.runtime.kill(id, record.handler, record.stopSignal, false, signal);
    if (await settledBefore(exited, timer.due)) return;
  }
  book.log.debug({ pod: record.podId, container: id }, "killing the container");
  await host.runtime.kill(id, record.handler, "SIGKILL", true, signal);
  const waited = new AbortController();
  const patience = sleep(KILL_WAIT_MS, undefined, { signal: waited.signal }).catch(() => undefined);
  const gone = await settledBefore(exited, patience);
  waited.abort();
  if (gone) return;
  throw new Fault("deadline", `container ${id} is still there ${KILL_WAIT_MS / 1000} s after it was killed`, {
    hint: "one of its processes may hang in the kernel; see `ps -eo pid,stat,wchan,args`",
  });
}

/** It has no process yet, and shall get none. */
async function stopUnrestored(id: ContainerId, { book, host }: ContainerParts): Promise<void> {
  using deadline = deadlineIn(host.config.deadline.undo);
  using _container = await book.locks.hold(id, deadline.signal);
  const record = book.records.get(id);
  if (record?.state.kind !== "checkpointed") return;
  const message = "stopped before it was restored";
  const exit = { exitCode: 137, reason: "Error", message, finishedAt: nowNanos() } as const;
  await book.records.put(id, containerExited(record, exit));
  publishLifecycle(book.events, "stopped", { container: id, pod: record.podId });
}

/** True if `wanted` settles before `limit`. */
async function settledBefore(wanted: Promise<void>, limit: Promise<unknown>): Promise<boolean> {
  return await Promise.race([wanted.then(() => true), limit.then(() => false)]);
}
