import type { Ms } from "../../base/units.ts";
import { LayerState } from "../../wire/gen/berth.v1.ts";
import { shortId, size } from "../output/units.ts";
import type { TransferView } from "./progress.ts";
import type { TransferWords } from "./words.ts";

/** How a layer may end. */
const ends: readonly LayerState[] = [
  LayerState.LAYER_DONE,
  LayerState.LAYER_PRESENT,
  LayerState.LAYER_PROVIDED,
  LayerState.LAYER_MOUNTED,
];

/** Readers of a file want to know that it goes on, no more. */
const tellEvery: Ms = 5_000;

/**
 * A pull or push as lines for a log: each layer once it is done, and every few seconds how far the whole is. Each call answers
 * with what is to be written then; times are given.
 */
export class TransferLines {
  readonly #words: TransferWords;
  readonly #told = new Set<string>();
  #toldAt: Ms;

  constructor(words: TransferWords, startedAt: Ms) {
    this.#words = words;
    this.#toldAt = startedAt;
  }

  lines(view: TransferView, now: Ms): string[] {
    const lines: string[] = [];
    for (const { digest, state, total } of view.layers) {
      if (!ends.includes(state) || this.#told.has(digest)) continue;
      this.#told.add(digest);
      lines.push(`layer ${shortId(digest).slice(0, 12)} ${size(total)} ${this.#words.layers[state]}`);
    }
    if (lines.length > 0) this.#toldAt = now;
    else if (now - this.#toldAt >= tellEvery && view.phase === "layers") {
      this.#toldAt = now;
      lines.push(`${size(view.done)} of ${size(view.total)}, ${size(Math.round(view.rate))}/s`);
    }
    return lines;
  }
}
