import type { Bytes, Ms } from "../../base/units.ts";
import { LayerState, type PullImageProgress, type PushImageProgress } from "../../wire/gen/berth.v1.ts";

/** What is known of one layer of an image that is being pulled or pushed. */
export interface LayerView {
  readonly digest: string;
  readonly state: LayerState;
  readonly done: Bytes;
  readonly total: Bytes;
  /** Bytes a second, of late. */
  readonly rate: number;
}

/** How far a pull or push is. */
export interface TransferView {
  readonly phase: "resolving" | "layers" | "committing" | "done";
  readonly layers: readonly LayerView[];
  /** Of the layers that were not there before. */
  readonly done: Bytes;
  readonly total: Bytes;
  readonly rate: number;
}

/** A rate is that of the last while: long enough not to jump, short enough to follow. */
const rateOver: Ms = 3_000;

/** Bytes that came, by time. */
class Meter {
  readonly #points: { at: Ms; bytes: Bytes }[] = [];

  add(at: Ms, bytes: Bytes): void {
    this.#points.push({ at, bytes });
    while ((this.#points[1]?.at ?? at) < at - rateOver) this.#points.shift();
  }

  rate(now: Ms): number {
    const [first] = this.#points;
    const last = this.#points.at(-1);
    if (first === undefined || last === undefined || now - first.at < 100) return 0;
    // A push goes back to where the registry says that a connection broke.
    return (Math.max(0, last.bytes - first.bytes) / (now - first.at)) * 1000;
  }
}

/** Layers in these states need no bytes. */
const isThere = (state: LayerState) =>
  state === LayerState.LAYER_PRESENT ||
  state === LayerState.LAYER_MOUNTED ||
  state === LayerState.LAYER_PROVIDED;
const isMoving = (state: LayerState) =>
  state === LayerState.LAYER_FETCHING || state === LayerState.LAYER_PUSHING;

/**
 * Gathers what the daemon tells of a pull or a push; `view` says how far it is. Times are given, so that nothing here
 * waits.
 */
export class TransferProgress {
  #phase: TransferView["phase"] = "resolving";
  readonly #layers = new Map<string, { state: LayerState; done: Bytes; total: Bytes; meter: Meter }>();
  readonly #meter = new Meter();

  take({ step }: PullImageProgress | PushImageProgress, at: Ms): void {
    if (step?.$case === "committing") this.#phase = "committing";
    if (step?.$case === "image" || step?.$case === "pushed") this.#phase = "done";
    if (step?.$case !== "layer") return;
    this.#phase = "layers";
    const { digest, state, doneBytes, totalBytes } = step.value;
    const meter = this.#layers.get(digest)?.meter ?? new Meter();
    const layer = { state, done: Number(doneBytes), total: Number(totalBytes), meter };
    this.#layers.set(digest, layer);
    meter.add(at, layer.done);
    this.#meter.add(at, this.#sum("done"));
  }

  view(now: Ms): TransferView {
    const layers = [...this.#layers].map(
      ([digest, { state, done, total, meter }]): LayerView => ({
        digest,
        state,
        done,
        total,
        rate: isMoving(state) ? meter.rate(now) : 0,
      }),
    );
    return {
      phase: this.#phase,
      layers,
      done: this.#sum("done"),
      total: this.#sum("total"),
      rate: this.#meter.rate(now),
    };
  }

  #sum(field: "done" | "total"): Bytes {
    let sum = 0;
    for (const layer of this.#layers.values()) {
      if (!isThere(layer.state)) sum += layer[field];
    }
    return sum;
  }
}
