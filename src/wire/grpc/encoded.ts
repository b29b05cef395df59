/** An answer as the bytes that it travels as, for handlers that put it together from parts encoded before. */
export class Encoded<Message> {
  readonly bytes: Buffer;
  /** Tells messages apart for the compiler; has no value. */
  declare readonly message: Message;

  /** The message of all `parts` in a row: protobuf appends what is repeated, and takes single fields where they are. */
  constructor(parts: readonly Uint8Array[]) {
    this.bytes = Buffer.concat(parts);
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
