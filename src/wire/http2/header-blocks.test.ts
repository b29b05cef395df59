import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { type Frame, frameFlags, frameTypes } from "./frames.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import { encodeHeaders } from "./hpack.ts";

const fields = [
  [":status", "200"],
  ["x-name", "value"],
] as const;
const block = encodeHeaders(fields);
const corrupt = (error: unknown) => isFault(error, "corrupt");

function headers(payload: Buffer, flags = 0, stream = 1): Frame {
  return { type: frameTypes.headers, flags, stream, payload };
}

function continuation(payload: Buffer, flags = 0, stream = 1): Frame {
  return { type: frameTypes.continuation, flags, stream, payload };
}

test("a block is whole with the frame that ends it, and says whether its stream goes on", () => {
  const blocks = new HeaderBlocks();
  assert.equal(blocks.push(headers(block.subarray(0, 3), frameFlags.endStream)), undefined);
  assert.equal(blocks.push(continuation(block.subarray(3, 5))), undefined);
  const whole = blocks.push(continuation(block.subarray(5), frameFlags.endHeaders));
  assert.deepEqual(whole, { fields, endStream: true });
  assert.equal(blocks.push({ type: frameTypes.data, flags: 0, stream: 1, payload: block }), undefined);
  const padded = Buffer.concat([Buffer.of(2), block, Buffer.alloc(2)]);
  assert.deepEqual(blocks.push(headers(padded, frameFlags.endHeaders | frameFlags.padded)), {
    fields,
    endStream: false,
  });
});

test("nothing comes between a block's frames, and none is without a beginning or an end", () => {
  const broken: readonly Frame[] = [
    { type: frameTypes.ping, flags: 0, stream: 0, payload: Buffer.alloc(8) },
    headers(block),
    continuation(block, 0, 3),
    continuation(Buffer.alloc(256 << 10)),
  ];
  for (const frame of broken) {
    const blocks = new HeaderBlocks();
    blocks.push(headers(block));
    assert.throws(() => blocks.push(frame), corrupt);
  }
  assert.throws(() => new HeaderBlocks().push(continuation(block)), corrupt);
});
