import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, createDeflate } from "node:zlib";
import { isFault } from "../../base/fault.ts";
import { dictionaryId, headerDictionary } from "./dictionary.ts";
import { HeaderReader, HeaderWriter } from "./header-block.ts";

/** Blocks as a compressing client writes them: pieces of one stream. */
function compressor(): (plain: Buffer) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: headerDictionary });
  let pieces: Buffer[] = [];
  deflate.on("data", (piece: Buffer) => pieces.push(piece));
  return (plain) =>
    new Promise((resolve) => {
      deflate.write(plain);
      deflate.flush(constants.Z_SYNC_FLUSH, () => {
        const block = Buffer.concat(pieces);
        pieces = [];
        resolve(block);
      });
    });
}

function plainBlock(...pairs: readonly [string, string][]): Buffer {
  const counted = (text: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(text, "latin1"));
    return Buffer.concat([length, Buffer.from(text, "latin1")]);
  };
  const count = Buffer.alloc(4);
  count.writeUInt32BE(pairs.length);
  return Buffer.concat([count, ...pairs.flat().map(counted)]);
}

test("the dictionary is the protocol's", () => {
  assert.equal(headerDictionary.length, 1423);
  assert.equal(dictionaryId(), 0xe3c6a7c2);
});

test("blocks of a client that compresses are read one after the other", async () => {
  const compress = compressor();
  using reader = new HeaderReader();
  for (let index = 0; index < 20; index++) {
    const block = await compress(
      plainBlock(["StreamType", "stdout"], ["port", String(8000 + index)], ["twice", "a\0b"]),
    );
    const headers = await reader.read(block);
    assert.deepEqual(
      [...headers],
      [
        ["streamtype", "stdout"],
        ["port", String(8000 + index)],
        ["twice", "a"],
      ],
    );
  }
});

test("what is written is read, block after block", async () => {
  const writer = new HeaderWriter();
  using reader = new HeaderReader();
  const all: readonly Record<string, string>[] = [
    { streamType: "error" },
    {},
    { a: "1", b: "x".repeat(3000) },
    { a: "2" },
  ];
  for (const headers of all) {
    const read = await reader.read(writer.write(headers));
    const expected = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    assert.deepEqual([...read], expected);
  }
});

test("a block that inflates to too much, is cut off, or is no zlib is refused", async () => {
  const compress = compressor();
  const bomb = await compress(plainBlock(["a", "0".repeat(10_000_000)]));
  assert.ok(bomb.length < 20_000);
  for (const block of [bomb, Buffer.from("no zlib"), new HeaderWriter().write({ a: "b" }).subarray(0, -6)]) {
    using reader = new HeaderReader();
    await assert.rejects(reader.read(block), (error) => isFault(error, "invalid"));
    await assert.rejects(
      reader.read(block),
      (error) => isFault(error, "invalid"),
      "nothing is read after it",
    );
  }
});
