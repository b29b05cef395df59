import type { Bytes } from "../base/units.ts";

/** Enough that a message costs little, far below what any client refuses. */
const mostInPage = 200;
const fullPage: Bytes = 1 << 20;
/** What the fields of fixed form take, rounded up. */
const bareItem: Bytes = 512;

/** What a line of a list has that grows. */
interface Item {
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * Puts the items of a list into pages for a stream of messages. No page is empty: an empty list has none.
 *
 * @param labelled gives the part of an item that holds its labels and annotations
 */
export function* pages<T>(items: Iterable<T>, labelled: (item: T) => Item | undefined): Generator<T[]> {
  let page: T[] = [];
  let size = 0;
  for (const item of items) {
    const itemSize = sizeOf(labelled(item));
    if (page.length > 0 && (page.length === mostInPage || size + itemSize > fullPage)) {
      yield page;
      page = [];
      size = 0;
    }
    page.push(item);
    size += itemSize;
  }
  if (page.length > 0) yield page;
}

/** An upper bound: no UTF-16 unit takes more than three bytes of UTF-8. */
function sizeOf(item: Item | undefined): Bytes {
  let units = 0;
  for (const map of [item?.labels, item?.annotations]) {
    for (const key in map) units += key.length + (map[key]?.length ?? 0) + 4;
  }
  return bareItem + 3 * units;
}
