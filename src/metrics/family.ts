/** What kind of metric it is, as the text format names it. */
export type FamilyType = "counter" | "gauge" | "histogram" | "summary";

/** What all series of one metric have in common. */
export interface Described {
  /** By Prometheus' conventions: base units, `_total` for counters. */
  readonly name: string;
  /** One line for people. */
  readonly help: string;
  /** Names of the labels, in the order in which their values are given. */
  readonly labels?: readonly string[];
}

/** One line of the text format. `labels` are pairs of name and value. */
export interface Sample {
  readonly suffix: "" | "_bucket" | "_sum" | "_count";
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** A metric as it is exposed: what is known of it now. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  samples(): Iterable<Sample> | Promise<Iterable<Sample>>;
}

/** Pairs label names with their values. */
export function labelled(
  names: readonly string[],
  values: readonly string[],
): [name: string, value: string][] {
  return names.map((name, index) => [name, values[index] ?? ""]);
}
