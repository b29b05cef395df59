/** One run of numbers of a list, both ends included. */
interface Run {
  readonly first: number;
  readonly last: number;
}

/**
 * Processors or memory nodes in the kernel's list format, as in `0-3,7` (cpuset(7)): in order, runs that touch made one.
 * Undefined for what is none; an empty text is an empty list.
 */
export function parseNumberList(text: string): readonly Run[] | undefined {
  const runs: Run[] = [];
  for (const part of text.trim() === "" ? [] : text.trim().split(",")) {
    const [, first, last = first] = /^([0-9]{1,9})(?:-([0-9]{1,9}))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first)) return undefined;
    runs.push({ first: Number(first), last: Number(last) });
  }
  return merged(runs.toSorted((a, b) => a.first - b.first));
}

function merged(runs: readonly Run[]): readonly Run[] {
  const whole: Run[] = [];
  for (const run of runs) {
    const before = whole.at(-1);
    if (before === undefined || run.first > before.last + 1) whole.push(run);
    else whole[whole.length - 1] = { first: before.first, last: Math.max(before.last, run.last) };
  }
  return whole;
}

/** Every number of a list, in order; undefined for what is none. */
export function numbersOf(text: string): readonly number[] | undefined {
  return parseNumberList(text)?.flatMap(({ first, last }) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

/** As the kernel writes a list: `0-3,7`. */
export function formatNumbers(numbers: Iterable<number>): string {
  const runs = merged(
    [...numbers].toSorted((a, b) => a - b).map((number) => ({ first: number, last: number })),
  );
  return runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** True when both texts name the same numbers. */
export function sameNumbers(one: string, other: string): boolean {
  const [a, b] = [parseNumberList(one), parseNumberList(other)];
  return a !== undefined && b !== undefined && a.length === b.length && isWithin(a, b) && isWithin(b, a);
}

/** True when every number of `inner` is in `outer`. */
export function isWithin(inner: readonly Run[], outer: readonly Run[]): boolean {
  return inner.every(({ first, last }) => outer.some((run) => run.first <= first && last <= run.last));
}
