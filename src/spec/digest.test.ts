import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { DiffId } from "../base/ids.ts";
import { chainIds, digestOf, isDigest, parseDigest } from "./digest.ts";

const digest = digestOf("x");

test("digests and chain ids", () => {
  assert.ok(isDigest(digest));
  for (const bad of ["", "sha256:", digest.toUpperCase(), `${digest}0`, `${digest}\n`, "md5:00"]) {
    assert.throws(
      () => parseDigest(bad),
      (error) => isFault(error, "invalid"),
    );
  }
  assert.throws(
    () => parseDigest(`sha512:${"a".repeat(128)}`),
    (error) => isFault(error, "unimplemented"),
  );
  const [a, b] = [digestOf("a") as DiffId, digestOf("b") as DiffId];
  assert.deepEqual(chainIds([a, b]), [a, digestOf(`${a} ${b}`)]);
});
