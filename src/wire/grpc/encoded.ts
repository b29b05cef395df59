import type { Bytes } from "../../base/units.ts";

/**
 * An answer as the bytes that it travels as, for handlers that put it together from parts encoded before. It poses as the
 * one buffer of its parts in a row to grpc-js, which copies that into the message that it sends: a list of 5,000 containers
 * is five megabytes, which would be copied twice.
 */
export class Encoded<Message> {
  readonly #parts: readonly Uint8Array[];
  readonly #copied: () => void;
  readonly byteLength: Bytes;
  /** Tells messages apart for the compiler; has no value. */
  declare readonly message: Message;

  /**
   * The message of all `parts` in a row: protobuf appends what is repeated, and takes single fields where they are.
   *
   * @param copied called when the parts are not needed any more; they are copied once
   */
  constructor(parts: readonly Uint8Array[], copied = () => {}) {
    this.#parts = parts;
    this.#copied = copied;
    this.byteLength = parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** As Buffer's, of everything. */
  copy(target: Uint8Array, start: number): number {
    let end = start;
    for (const part of this.#parts) {
      target.set(part, end);
      end += part.length;
    }
    this.#copied();
    return end - start;
  }
}

/**
 * Encodes each item once, for as long as the item is in memory. For what never changes: a record is replaced, and the new
 * one has bytes of its own.
 */
export function encodedOnce<Item extends object>(
  encode: (item: Item) => Uint8Array,
): (item: Item) => Uint8Array {
  const known = new WeakMap<Item, Uint8Array>();
  return (item) => {
    let bytes = known.get(item);
    if (bytes === undefined) {
      bytes = encode(item);
      known.set(item, bytes);
    }
    return bytes;
  };
}
