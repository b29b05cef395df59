import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { decodeHuffman } from "./huffman.ts";

/** A header field: its name in lower case, and its value as latin-1. */
export type HeaderField = readonly [name: string, value: string];

/** RFC 7541, appendix A: `name` or `name value`, from index 1 on. */
const staticTable: readonly HeaderField[] = [
  ...[
    ":authority",
    ":method GET",
    ":method POST",
    ":path /",
    ":path /index.html",
    ":scheme http",
    ":scheme https",
  ],
  ...[
    ":status 200",
    ":status 204",
    ":status 206",
    ":status 304",
    ":status 400",
    ":status 404",
    ":status 500",
  ],
  ...["accept-charset", "accept-encoding gzip, deflate", "accept-language", "accept-ranges", "accept"],
  ...["access-control-allow-origin", "age", "allow", "authorization", "cache-control", "content-disposition"],
  ...[
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
  ],
  ...["cookie", "date", "etag", "expect", "expires", "from", "host", "if-match", "if-modified-since"],
  ...[
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "link",
    "location",
    "max-forwards",
  ],
  ...["proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server"],
  ...["set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via"],
  ...["www-authenticate"],
].map((entry) => {
  const space = entry.indexOf(" ");
  return space === -1 ? [entry, ""] : [entry.slice(0, space), entry.slice(space + 1)];
});

/** What an entry takes besides its octets (RFC 7541, section 4.1). */
const entryOverhead: Bytes = 32;
const tableSize: Bytes = 4096;

/** Reads the header blocks of one connection, in their order: each may refer to fields of those before it. */
export class HeaderDecoder {
  readonly #table: HeaderField[] = [];
  #size: Bytes = 0;
  #limit: Bytes = tableSize;

  /** @throws {Fault} corrupt: the connection can't go on */
  decode(block: Uint8Array): HeaderField[] {
    const reader = new BlockReader(block);
    const fields: HeaderField[] = [];
    while (!reader.isAtEnd) {
      const first = reader.peek();
      if ((first & 0x80) !== 0) fields.push(this.#field(reader.integer(7)));
      else if ((first & 0x40) !== 0) fields.push(this.#add(this.#literal(reader, 6)));
      else if ((first & 0x20) !== 0) this.#resize(reader.integer(5));
      else fields.push(this.#literal(reader, 4));
    }
    return fields;
  }

  #literal(reader: BlockReader, prefix: number): HeaderField {
    const index = reader.integer(prefix);
    const name = index === 0 ? reader.string() : this.#field(index)[0];
    return [name, reader.string()];
  }

  #field(index: number): HeaderField {
    const field =
      index <= staticTable.length ? staticTable[index - 1] : this.#table[index - staticTable.length - 1];
    if (field === undefined) throw new Fault("corrupt", `there is no header field ${index}`);
    return field;
  }

  #add(field: HeaderField): HeaderField {
    this.#table.unshift(field);
    this.#size += sizeOf(field);
    this.#evict();
    return field;
  }

  #resize(limit: Bytes): void {
    if (limit > tableSize) throw new Fault("corrupt", `a header table of ${limit} bytes was not agreed on`);
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#size -= sizeOf(oldest);
    }
  }
}

function sizeOf([name, value]: HeaderField): Bytes {
  return name.length + value.length + entryOverhead;
}

/** Integers and strings of a header block (RFC 7541, section 5). */
class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? this.#cut();
  }

  integer(prefix: number): number {
    const most = (1 << prefix) - 1;
    let value = this.#next() & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#next();
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
      if (shift >= 21) throw new Fault("corrupt", "a header block holds a number that is too large");
    }
  }

  string(): string {
    const isCoded = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) this.#cut();
    const octets = this.#block.subarray(this.#at, end);
    this.#at = end;
    return (isCoded ? decodeHuffman(octets) : Buffer.from(octets)).toString("latin1");
  }

  #next(): number {
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }

  #cut(): never {
    throw new Fault("corrupt", "a header block is cut short");
  }
}

/** A header block that any decoder reads: every field as it is, none remembered. */
export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), encodeString(name), encodeString(value)]),
  );
}

function encodeString(text: string): Buffer {
  const octets = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (octets.length < 0x7f) length.push(octets.length);
  else {
    length.push(0x7f);
    let rest = octets.length - 0x7f;
    for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), octets]);
}
