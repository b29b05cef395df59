import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { headerBlock } from "./testing/build-tar.ts";
import { inFull, SnapshotFixture } from "./testing/fixture.ts";

const twoGiB = 2_147_483_648;

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1_048_576 })) hash.update(chunk);
  return hash.digest("hex");
}

describe("a file of 2 GiB and more", { skip: inFull }, () => {
  let fixture: SnapshotFixture;
  before(() => {
    fixture = new SnapshotFixture("overlay");
  });
  after(() => fixture[Symbol.asyncDispose]());

  it("full of data comes out the same", async () => {
    const hash = createHash("sha256");
    const piece = Buffer.alloc(1_048_576);
    for (let i = 0; i < piece.length; i += 4) piece.writeUInt32LE((i * 2_654_435_761) >>> 0, i);
    const layer = (async function* () {
      yield headerBlock({ name: "big" }, twoGiB + 1_048_576);
      for (let i = 0; i < 2049; i++) {
        piece.writeUInt32LE(i, 0);
        hash.update(piece);
        yield Uint8Array.from(piece);
      }
      yield Buffer.alloc(1024);
    })();
    const target = await fixture.view(await fixture.layerOf(layer));
    assert.equal(statSync(join(target, "big")).size, twoGiB + 1_048_576);
    assert.equal(await digestOf(join(target, "big")), hash.digest("hex"));
  });

  it("with holes, as GNU tar packs it, keeps them", async () => {
    for (const format of ["gnu", "posix"]) {
      const source = join(fixture.directory, format);
      mkdirSync(source);
      const file = join(source, "sparse");
      writeFileSync(file, "begin");
      truncateSync(file, 5 * 2 ** 30);
      execFileSync(
        "dd",
        ["if=/dev/zero", `of=${file}`, "bs=4096", "count=1", "seek=1000000", "conv=notrunc"],
        { stdio: "pipe" },
      );
      const tar = join(fixture.directory, `${format}.tar`);
      execFileSync("tar", ["-C", source, "-S", `--format=${format}`, "-cf", tar, "sparse"]);
      const target = await fixture.view(await fixture.layerOf({ file: tar }));
      const { size, blocks } = statSync(join(target, "sparse"));
      assert.equal(size, 5 * 2 ** 30);
      assert.ok(blocks < 1000);
      execFileSync("cmp", [file, join(target, "sparse")]);
    }
  });
});
