import { type Described, type Family, labelled, type Sample } from "./family.ts";
import { SeriesMap } from "./series.ts";

/** What was observed under one set of label values. */
export interface Observed {
  /** How many fell into each bucket, and not into one below; the last is beyond all bounds. */
  readonly counts: number[];
  sum: number;
  count: number;
  /** The latest. */
  last: number;
}

/** Counts observations by size. */
export class Histogram implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  /** The buckets' upper bounds, ascending; the one of all others is added. */
  readonly bounds: readonly number[];
  readonly #labels: readonly string[];
  readonly #series: SeriesMap<Observed>;

  constructor({ name, help, labels = [] }: Described, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.bounds = bounds;
    this.#labels = labels;
    this.#series = new SeriesMap(() => {
      return { counts: new Array<number>(bounds.length + 1).fill(0), sum: 0, count: 0, last: 0 };
    });
    if (labels.length === 0) this.#series.of([]);
  }

  /** In the unit of the name; `labels`: the values, in the order of their names. */
  observe(value: number, ...labels: readonly string[]): void {
    const series = this.#series.of(labels);
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? 0)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    series.count += 1;
    series.last = value;
  }

  /** Every series so far. */
  *values(): Generator<{ readonly labels: readonly string[]; readonly observed: Observed }> {
    for (const { labels, series } of this.#series) yield { labels, observed: series };
  }

  *samples(): Generator<Sample> {
    for (const { labels, observed } of this.values())
      yield* histogramSamples(labelled(this.#labels, labels), observed, this.bounds);
  }
}

/** A series of a histogram as lines: buckets count whatever lies below their bound. */
export function* histogramSamples(
  labels: readonly (readonly [string, string])[],
  { counts, sum, count }: Observed,
  bounds: readonly number[],
): Generator<Sample> {
  let below = 0;
  for (const [index, bound] of bounds.entries()) {
    below += counts[index] ?? 0;
    yield { suffix: "_bucket", labels: [...labels, ["le", String(bound)]], value: below };
  }
  yield { suffix: "_bucket", labels: [...labels, ["le", "+Inf"]], value: count };
  yield { suffix: "_sum", labels, value: sum };
  yield { suffix: "_count", labels, value: count };
}
