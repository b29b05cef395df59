import { type Described, type Family, labelled, type Sample } from "./family.ts";
import { SeriesMap } from "./series.ts";

/** Counts what only goes up. A counter without labels shows 0 from the start, one with labels once it has counted. */
export class Counter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly string[];
  readonly #series = new SeriesMap<{ value: number }>(() => ({ value: 0 }));

  constructor({ name, help, labels = [] }: Described) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
    if (labels.length === 0) this.add(0);
  }

  /** `labels`: the values, in the order of their names. */
  add(amount: number, ...labels: readonly string[]): void {
    this.#series.of(labels).value += amount;
  }

  /** Every series so far. */
  *values(): Generator<{ readonly labels: readonly string[]; readonly value: number }> {
    for (const { labels, series } of this.#series) yield { labels, value: series.value };
  }

  *samples(): Generator<Sample> {
    for (const { labels, value } of this.values())
      yield { suffix: "", labels: labelled(this.#labels, labels), value };
  }
}
