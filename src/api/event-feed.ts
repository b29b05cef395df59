import { Fault, isFault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { Containers } from "../container/contract.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { PodSandboxes } from "../pod/contract.ts";
import type { PodSandboxRecord } from "../pod/state.ts";

/** An event with the pod as it was when the event was committed. */
export interface PodEvent {
  readonly event: LifecycleEvent;
  readonly pod: PodSandboxRecord;
  readonly containers: readonly ContainerRecord[];
}

/** Events that wait for one reader; each is three references, so that this is little memory. */
const longestQueue = 16_384;
/** A kubelet whose daemon was started again comes back within seconds. */
const holdMs: Ms = 30_000;

/**
 * Hands every lifecycle event to every reader, in order, with the state of its pod; `dropped` is told of each that a
 * reader did not get.
 */
export class EventFeed {
  readonly #podSandboxes: Pick<PodSandboxes, "get">;
  readonly #containers: Pick<Containers, "ofPod">;
  readonly #dropped: () => void;
  /** The last record of each pod that had an event: a pod's last event comes when its record is gone. */
  readonly #lastKnown = new Map<PodSandboxId, PodSandboxRecord>();
  readonly #readers = new Set<(event: PodEvent) => void>();
  /** What happened before readers could come back: the exits that no daemon saw among it. */
  #held: PodEvent[] | undefined = [];

  constructor(
    events: EventBus<LifecycleEvent>,
    podSandboxes: Pick<PodSandboxes, "get" | "list">,
    containers: Pick<Containers, "ofPod">,
    dropped: () => void = () => undefined,
  ) {
    this.#podSandboxes = podSandboxes;
    this.#containers = containers;
    this.#dropped = dropped;
    for (const pod of podSandboxes.list()) this.#lastKnown.set(pod.id, pod);
    events.subscribe((event) => this.#take(event));
    setTimeout(() => {
      this.#held = undefined;
    }, holdMs).unref();
  }

  /**
   * Every event from the first `next()` on, none left out, until `signal` aborts; in the first half minute of the daemon
   * those from its start on.
   *
   * @throws {Fault} exhausted when the reader is so far behind that the queue is full: it has to list again
   */
  async *read(signal: AbortSignal): AsyncGenerator<PodEvent> {
    const queue: PodEvent[] = [...(this.#held ?? [])];
    let overrun = false;
    let wake: () => void = () => undefined;
    const take = (event: PodEvent) => {
      if (queue.length < longestQueue) queue.push(event);
      else {
        overrun = true;
        this.#dropped();
      }
      wake();
    };
    const onAbort = () => wake();
    this.#readers.add(take);
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        yield* queue.splice(0);
        if (overrun)
          throw new Fault("exhausted", "the reader of the events is too slow", { hint: "list again" });
        if (queue.length > 0) continue;
        if (signal.aborted) return;
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        await woken.promise;
      }
    } finally {
      this.#readers.delete(take);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #take(event: LifecycleEvent): void {
    const podId = event.podId as PodSandboxId;
    const pod = this.#lookUp(podId) ?? this.#lastKnown.get(podId);
    if (pod === undefined) return;
    if (event.kind === "deleted" && event.containerId === event.podId) this.#lastKnown.delete(podId);
    else this.#lastKnown.set(podId, pod);
    if (this.#readers.size === 0 && this.#held === undefined) return;
    const told = { event, pod, containers: [...this.#containers.ofPod(podId)] };
    for (const reader of this.#readers) reader(told);
    if ((this.#held?.push(told) ?? 0) >= longestQueue) this.#held = undefined;
  }

  #lookUp(id: PodSandboxId): PodSandboxRecord | undefined {
    try {
      return this.#podSandboxes.get(id);
    } catch (error) {
      if (isFault(error, "notFound")) return undefined;
      throw error;
    }
  }
}
