import { type Described, type Family, labelled, type Sample } from "./family.ts";

/** A value now, with its label values. */
export type Reading = readonly [value: number, ...labels: readonly string[]];

/** What is read when it is asked for. */
export class Gauge implements Family {
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly string[];
  readonly #read: () => Iterable<Reading> | Promise<Iterable<Reading>>;

  /** `type` is counter for what somebody else counts, as the kernel does CPU time. */
  constructor(
    { name, help, labels = [] }: Described,
    read: () => Iterable<Reading> | Promise<Iterable<Reading>>,
    type: "gauge" | "counter" = "gauge",
  ) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#labels = labels;
    this.#read = read;
  }

  async samples(): Promise<Sample[]> {
    return [...(await this.#read())].map(([value, ...labels]) => {
      return { suffix: "", labels: labelled(this.#labels, labels), value };
    });
  }
}
