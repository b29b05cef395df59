import { constants, createInflate, type Inflate } from "node:zlib";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { dictionaryId, headerDictionary } from "./dictionary.ts";

/** Names in lower case. Where one came with several values, the first. */
export type StreamHeaders = ReadonlyMap<string, string>;

/** What a header block may hold once it is inflated: ours hold a few names. */
const mostBytes: Bytes = 16 << 10;

/**
 * Reads the header blocks of one side of a connection, in their order: they are pieces of one zlib stream (section
 * 2.6.10.1).
 */
export class HeaderReader implements Disposable {
  readonly #inflate: Inflate = createInflate({
    dictionary: headerDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  #pieces: Buffer[] = [];
  #size: Bytes = 0;
  #failed: Error | undefined;

  constructor() {
    this.#inflate.on("data", (piece: Buffer) => {
      this.#size += piece.length;
      if (this.#size <= mostBytes) this.#pieces.push(piece);
      else this.#inflate.destroy(new Error(`more than ${mostBytes} bytes`));
    });
    this.#inflate.on("error", (error) => {
      this.#failed = error;
    });
  }

  /** @throws {Fault} invalid for a block that can't be inflated or read, or is too large */
  async read(block: Buffer): Promise<StreamHeaders> {
    this.#pieces = [];
    this.#size = 0;
    const settled = Promise.withResolvers<void>();
    const onClose = () => settled.resolve();
    this.#inflate.once("close", onClose);
    if (this.#inflate.destroyed) settled.resolve();
    else this.#inflate.write(block, () => settled.resolve());
    await settled.promise;
    this.#inflate.off("close", onClose);
    if (this.#inflate.destroyed) {
      throw new Fault("invalid", "a SPDY header block that can't be inflated", { cause: this.#failed });
    }
    return parseBlock(Buffer.concat(this.#pieces));
  }

  [Symbol.dispose](): void {
    this.#inflate.destroy();
  }
}

function parseBlock(block: Buffer): StreamHeaders {
  let at = 0;
  const word = (): number => {
    if (block.length < at + 4) throw new Fault("invalid", "a SPDY header block that ends too early");
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = word();
    if (block.length < at + length) throw new Fault("invalid", "a SPDY header block that ends too early");
    at += length;
    return block.toString("latin1", at - length, at);
  };
  const headers = new Map<string, string>();
  const count = word();
  for (let index = 0; index < count; index++) {
    const name = text().toLowerCase();
    headers.set(name, text().split("\0")[0] ?? "");
  }
  return headers;
}

/** The largest stored block of deflate (RFC 1951, section 3.2.4). */
const mostStored: Bytes = 0xffff;

/**
 * Writes header blocks as one zlib stream without compressing them: a few bytes more, and no state of the compressor for
 * each connection.
 */
export class HeaderWriter {
  #begun = false;

  write(headers: Readonly<Record<string, string>>): Buffer {
    const entries = Object.entries(headers);
    const plain = Buffer.concat([
      uint32(entries.length),
      ...entries.flatMap(([name, value]) => [counted(name.toLowerCase()), counted(value)]),
    ]);
    if (plain.length > mostStored) throw new Fault("invalid", `SPDY headers of ${plain.length} bytes`);
    const start = this.#begun ? [] : [streamStart()];
    this.#begun = true;
    return Buffer.concat([...start, stored(plain), flushMark]);
  }
}

/** A block that is not the last (RFC 1951, section 3.2.4). */
function stored(plain: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(plain.length, 1);
  head.writeUInt16LE(~plain.length & 0xffff, 3);
  return Buffer.concat([head, plain]);
}

/** An empty block, as a compressor's sync flush ends with: without it, Go's reader hands over nothing yet. */
const flushMark = stored(Buffer.alloc(0));

/** Deflate with a 32 kB window, no compression, and the dictionary by its id (RFC 1950, section 2.2). */
function streamStart(): Buffer {
  const method = 0x78;
  const withDictionary = 0x20;
  const check = 31 - (((method << 8) | withDictionary) % 31);
  return Buffer.concat([Buffer.from([method, withDictionary | check]), uint32(dictionaryId())]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function counted(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([uint32(bytes.length), bytes]);
}
