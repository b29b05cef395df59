import type { Asked } from "./load.ts";
import type { Random } from "./random.ts";
import type { LoggedWrite } from "./write-log.ts";

/** What a load did while its disk was recorded. */
export interface Recorded {
  readonly asked: readonly Asked[];
  /** Where the log stood, every so often. */
  readonly moments: readonly number[];
}

/**
 * Where to cut, in the log's order: before which of its entries, each once; fewer where there are not so many. By turns after an
 * import was answered, which is when it must be safe; between two writes; at any moment. With `at` "answers", only the first.
 * From an answer or a moment it goes some of the way to the next flush: no more is safe then, and more is uncertain.
 */
export function chooseCuts(
  writes: readonly LoggedWrite[],
  { asked, moments }: Recorded,
  { cuts, at }: { readonly cuts: number; readonly at: string },
  random: Random,
): number[] {
  const entryAt = (position = 0) => {
    const entry = writes.findIndex(({ end }) => end > position);
    return entry === -1 ? writes.length : entry;
  };
  const soonAfter = (position = 0) => {
    const entry = entryAt(position);
    const flush = writes.findIndex(({ flush }, index) => flush && index >= entry);
    return entry + random.below((flush === -1 ? writes.length : flush) - entry + 1);
  };
  const [first, last] = [entryAt(moments[0]), entryAt(moments.at(-1))];
  const answers = asked.flatMap(({ what, ended }) => (what.startsWith("import ") ? (ended ?? []) : []));
  const kinds = [
    () => soonAfter(answers[random.below(answers.length)]),
    () => first + random.below(last - first),
    () => soonAfter(moments[random.below(moments.length)]),
  ];
  const wanted = at === "answers" ? kinds.slice(0, 1) : kinds;
  const chosen = new Set<number>();
  for (let tries = 0; chosen.size < cuts && tries < 100 * cuts; tries++)
    chosen.add(wanted[tries % wanted.length]?.() ?? 0);
  return [...chosen].sort((one, other) => one - other);
}

/** Imports that were answered, and of which no removal was asked for since. */
export function promisedImages(asked: readonly Asked[], position: number): string[] {
  const promised = new Set<string>();
  for (const { what, begun, ended } of asked) {
    const [verb, image = ""] = what.split(" ");
    if (verb === "remove" && begun <= position) promised.delete(image);
    if (verb === "import" && ended !== undefined && ended <= position) promised.add(image);
  }
  return [...promised];
}

/** What was asked for and not answered yet, for a person. */
export function underWay(asked: readonly Asked[], position: number): string {
  const busy = asked.filter(({ begun, ended = Infinity }) => begun <= position && position < ended);
  return busy.map(({ what }) => what.replace(/ .*\//, " ")).join(", ") || "nothing";
}
