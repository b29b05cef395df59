import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const proto = new URL("../../proto/", import.meta.url);

test("the generated codecs are those of the proto files as they are now", async () => {
  const sums = await readFile(new URL("gen/sources.sha256", import.meta.url), "utf8");
  for (const line of sums.trimEnd().split("\n")) {
    const [sum, name = ""] = line.split(/ +/);
    const now = createHash("sha256").update(await readFile(new URL(name, proto)));
    assert.equal(now.digest("hex"), sum, `${name} was changed: run npm run proto`);
  }
});
