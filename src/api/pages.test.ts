import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pages } from "./pages.ts";

test("pages hold every item once, in order, and none is empty or large", () => {
  const item = fc.record({
    annotations: fc.dictionary(
      fc.string(),
      fc.nat(400_000).map((length) => "x".repeat(length)),
      { maxKeys: 2 },
    ),
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 60 }), (items) => {
      const found = [...pages(items, (at) => at)];
      assert.deepEqual(found.flat(), items);
      for (const page of found) {
        assert.ok(page.length > 0);
        assert.ok(page.length === 1 || JSON.stringify(page).length < 2 << 20);
      }
    }),
    { numRuns: 20 },
  );
  assert.deepEqual(
    [...pages(Array.from({ length: 401 }, String), () => undefined)].map((page) => page.length),
    [200, 200, 1],
  );
});
