import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseCuts, promisedImages, underWay } from "./cut-points.ts";
import { Random } from "./random.ts";

const asked = [
  { what: "import test/a:1", begun: 10, ended: 40 },
  { what: "pull host/b:1", begun: 20, ended: 50 },
  { what: "remove test/a:1", begun: 60, ended: 70 },
  { what: "import test/a:1", begun: 80, ended: undefined },
];

test("an import promises an image from its answer until its removal is asked for; a pull promises nothing", () => {
  assert.deepEqual(promisedImages(asked, 39), []);
  assert.deepEqual(promisedImages(asked, 50), ["test/a:1"]);
  assert.deepEqual(promisedImages(asked, 60), []);
  assert.deepEqual(promisedImages(asked, 100), []);
});

test("what was asked for is under way until it is answered", () => {
  assert.equal(underWay(asked, 30), "import a:1, pull b:1");
  assert.equal(underWay(asked, 55), "nothing");
  assert.equal(underWay(asked, 99), "import a:1");
});

test("cuts come in the log's order, within what was recorded, and some right after answers", () => {
  const write = { at: 0, bytes: 0, flush: false, forced: false, data: 0 };
  const writes = Array.from({ length: 10 }, (_, index) => ({
    ...write,
    flush: index === 6,
    end: (index + 1) * 10,
  }));
  const options = { cuts: 4, at: "anywhere" };
  const cuts = chooseCuts(writes, { asked, moments: [25, 50, 85] }, options, new Random(3));
  assert.deepEqual(
    cuts,
    cuts.toSorted((one, other) => one - other),
  );
  assert.ok(cuts.every((cut) => cut >= 2 && cut <= 8));
  assert.equal(new Set(cuts).size, 4);
  const all = chooseCuts(writes, { asked, moments: [25, 85] }, { cuts: 30, at: "answers" }, new Random(3));
  assert.deepEqual(all, [4, 5, 6], "there is but one answer, and the next flush is the seventh entry");
});
