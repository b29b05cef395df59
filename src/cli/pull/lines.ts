import type { Ms } from "../../base/units.ts";
import { LayerState } from "../../wire/gen/berth.v1.ts";
import { shortId, size } from "../output/units.ts";
import type { PullView } from "./progress.ts";

/** Readers of a file want to know that it goes on, no more. */
const tellEvery: Ms = 5_000;

/**
 * A pull as lines for a log: each layer once it is done, and every few seconds how far the whole is. Each call answers
 * with what is to be written then; times are given.
 */
export class PullLines {
  readonly #told = new Set<string>();
  #toldAt: Ms;

  constructor(startedAt: Ms) {
    this.#toldAt = startedAt;
  }

  lines(view: PullView, now: Ms): string[] {
    const lines: string[] = [];
    for (const { digest, state, total } of view.layers) {
      const isOver = state === LayerState.LAYER_DONE || state === LayerState.LAYER_PRESENT;
      if (!isOver || this.#told.has(digest)) continue;
      this.#told.add(digest);
      const word = state === LayerState.LAYER_DONE ? "done" : "here already";
      lines.push(`layer ${shortId(digest).slice(0, 12)} ${size(total)} ${word}`);
    }
    if (lines.length > 0) this.#toldAt = now;
    else if (now - this.#toldAt >= tellEvery && view.phase === "layers") {
      this.#toldAt = now;
      lines.push(`${size(view.done)} of ${size(view.total)}, ${size(Math.round(view.rate))}/s`);
    }
    return lines;
  }
}
