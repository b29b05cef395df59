/** More series than any metric of berth has: values that some caller chose must not fill memory. */
const mostSeries = 512;
/** What the series beyond are counted under. */
const overflow = "other";

/** The series of one metric by their label values. A series stays once it was met, as counters must not go back. */
export class SeriesMap<Series> {
  readonly #byKey = new Map<string, { readonly labels: readonly string[]; readonly series: Series }>();
  readonly #make: () => Series;

  constructor(make: () => Series) {
    this.#make = make;
  }

  /** The series of these label values, made when it is not there. */
  of(labels: readonly string[]): Series {
    const key = labels.length === 1 ? (labels[0] ?? "") : labels.join("\0");
    const found = this.#byKey.get(key);
    if (found !== undefined) return found.series;
    if (this.#byKey.size >= mostSeries && labels.some((label) => label !== overflow)) {
      return this.of(labels.map(() => overflow));
    }
    const series = this.#make();
    this.#byKey.set(key, { labels, series });
    return series;
  }

  [Symbol.iterator](): Iterator<{ readonly labels: readonly string[]; readonly series: Series }> {
    return this.#byKey.values();
  }
}
