import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pages } from "./pages.ts";

test("pages hold every item once, in order, and none is empty or large", () => {
  const item = fc.nat(800_000).map((length) => new Uint8Array(length));
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), (items) => {
      const found = [...pages(items)];
      const flat = found.flat();
      assert.equal(flat.length, items.length);
      assert.ok(flat.every((bytes, index) => bytes === items[index]));
      for (const page of found) {
        assert.ok(page.length > 0);
        assert.ok(page.length === 1 || page.reduce((sum, bytes) => sum + bytes.length, 0) <= 1 << 20);
      }
    }),
    { numRuns: 20 },
  );
  const small = Array.from({ length: 401 }, () => new Uint8Array(8));
  assert.deepEqual(
    [...pages(small)].map((page) => page.length),
    [200, 200, 1],
  );
});
