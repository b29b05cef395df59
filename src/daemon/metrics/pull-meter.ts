import { faultKind } from "../../base/fault.ts";
import type { Digest } from "../../base/ids.ts";
import type { StepTime } from "../../base/steps.ts";
import type { Bytes } from "../../base/units.ts";
import type { ImageRecord, PullObserver, PullProgress, PullWatch } from "../../image/contract.ts";
import type { Instruments } from "../../metrics/instruments.ts";
import { observeSteps } from "./timelines.ts";

/** Counts pulls, each once, and what they fetched. */
export class PullMeter implements PullObserver {
  readonly #instruments: Instruments;
  #inFlight = 0;

  constructor(instruments: Instruments) {
    this.#instruments = instruments;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  began(): PullWatch {
    this.#inFlight += 1;
    const pull = new PullCount();
    const { pulls } = this.#instruments;
    const ended = () => {
      this.#inFlight -= 1;
      pulls.total.add(1);
      pulls.bytes.add(pull.fetched);
    };
    return {
      told: (step) => pull.take(step),
      succeeded: (image, timeline) => {
        ended();
        this.#succeeded(pull, image, timeline);
      },
      failed: (error) => {
        ended();
        pulls.failures.add(1, faultKind(error));
      },
    };
  }

  #succeeded(pull: PullCount, { layers }: ImageRecord, timeline: readonly StepTime[]): void {
    const { pulls } = this.#instruments;
    const seconds = pull.seconds;
    pulls.seconds.observe(seconds);
    if (pull.fetched > 0) pulls.throughput.observe(pull.fetched / seconds);
    pulls.layers.add(pull.brought.size);
    // An image that was here whole is not told of layer by layer.
    const reused = layers.filter(({ blob }) => !pull.brought.has(blob.digest));
    pulls.reusedLayers.add(reused.length);
    pulls.skippedBytes.add(reused.reduce((sum, { blob }) => sum + blob.size, 0));
    observeSteps("PullImage", timeline, this.#instruments);
  }
}

/** How far one pull has come. */
class PullCount {
  readonly #began = performance.now();
  /** Bytes that came of each layer that was not here. */
  readonly brought = new Map<Digest, Bytes>();

  take(step: PullProgress): void {
    if (step.phase !== "layer" || step.state === "present") return;
    if (step.state === "provided") this.brought.delete(step.digest);
    else this.brought.set(step.digest, step.done);
  }

  get fetched(): Bytes {
    return [...this.brought.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }
}
