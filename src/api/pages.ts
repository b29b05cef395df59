import type { Bytes } from "../base/units.ts";

/** Enough that a message costs little, far below what any client refuses. */
const mostInPage = 200;
const fullPage: Bytes = 1 << 20;

/** Puts the encoded items of a list into pages for a stream of messages. No page is empty: an empty list has none. */
export function* pages(items: Iterable<Uint8Array>): Generator<Uint8Array[]> {
  let page: Uint8Array[] = [];
  let size = 0;
  for (const item of items) {
    if (page.length > 0 && (page.length === mostInPage || size + item.length > fullPage)) {
      yield page;
      page = [];
      size = 0;
    }
    page.push(item);
    size += item.length;
  }
  if (page.length > 0) yield page;
}
