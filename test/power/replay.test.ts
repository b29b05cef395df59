import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Random } from "./random.ts";
import { Replay } from "./replay.ts";
import { readWriteLog, sectorBytes } from "./write-log.ts";

const sectors = 8;

/** Something that a disk was told, or a mark, as dm-log-writes notes it. */
type Told =
  | { readonly at: number; readonly filled: string; readonly forced?: true }
  | "flush"
  | { readonly mark: string };

/** A disk of dots, and the log of what it was told; each write is of two sectors with the same letter. */
function recording(t: TestContext, told: readonly Told[]) {
  const directory = mkdtempSync(join(tmpdir(), "berth-replay-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const [disk, log] = [join(directory, "disk"), join(directory, "log")];
  writeFileSync(disk, Buffer.alloc(sectors * sectorBytes, "."));
  const head = Buffer.alloc(sectorBytes);
  head.writeBigUInt64LE(0x6a736677736872n, 0);
  head.writeBigUInt64LE(1n, 8);
  head.writeUInt32LE(sectorBytes, 24);
  writeFileSync(log, Buffer.concat([head, ...told.flatMap(entry)]));
  return { directory, disk, log, writes: readWriteLog(log).writes };
}

function entry(told: Told): Buffer[] {
  const head = Buffer.alloc(sectorBytes);
  if (told === "flush") {
    head.writeBigUInt64LE(1n, 16);
    return [head];
  }
  if ("mark" in told) {
    head.writeBigUInt64LE(8n, 16);
    head.writeBigUInt64LE(BigInt(told.mark.length), 24);
    head.write(told.mark, 32);
    return [head];
  }
  head.writeBigUInt64LE(BigInt(told.at), 0);
  head.writeBigUInt64LE(2n, 8);
  head.writeBigUInt64LE(told.forced ? 2n : 0n, 16);
  return [head, Buffer.alloc(2 * sectorBytes, told.filled)];
}

/** One letter a sector. */
function lettersOf(disk: string): string {
  const bytes = readFileSync(disk);
  return Array.from({ length: sectors }, (_, sector) =>
    String.fromCharCode(bytes[sector * sectorBytes] ?? 0),
  ).join("");
}

const story: readonly Told[] = [
  { at: 0, filled: "a" },
  { at: 2, filled: "b" },
  "flush",
  { at: 0, filled: "c" },
  { at: 4, filled: "d" },
  { at: 6, filled: "e", forced: true },
];

test("what was flushed or forced is there after every cut, what was not is there, in part, or not", (t) => {
  const { directory, disk, log, writes } = recording(t, story);
  assert.equal(writes.length, story.length);
  using replay = new Replay(disk, log, writes);
  const random = new Random(1);
  const seen = new Set<string>();
  for (let cut = 0; cut < 400; cut++) {
    const image = join(directory, "cut");
    replay.cutBefore(writes.length, image, random);
    const letters = lettersOf(image);
    assert.match(letters, /^[ac]{2}bb[d.]{2}ee$/);
    seen.add(letters);
  }
  for (const first of ["aa", "ac", "ca", "cc"])
    assert.ok(
      [...seen].some((letters) => letters.startsWith(first)),
      `${first} was never there`,
    );
});

test("before the first flush all is uncertain, and what comes after a cut is not there", (t) => {
  const { directory, disk, log, writes } = recording(t, story);
  using replay = new Replay(disk, log, writes);
  const random = new Random(2);
  const cuts = Array.from({ length: 50 }, (_, index) => {
    const image = join(directory, `cut-${index}`);
    const { kept, torn, lost } = replay.cutBefore(1, image, random);
    assert.equal(kept + torn + lost, 1);
    return lettersOf(image);
  });
  for (const letters of cuts) assert.match(letters, /^[a.]{2}\.{6}$/);
  assert.ok(cuts.includes("........") && cuts.includes("aa......"));
});

test("the same seed cuts the same way; a log that ends within an entry is read up to it", (t) => {
  const { directory, disk, log, writes } = recording(t, story);
  const before = readFileSync(disk);
  const images = [1, 2].map((number) => {
    writeFileSync(disk, before);
    using replay = new Replay(disk, log, writes);
    const image = join(directory, `same-${number}`);
    replay.cutBefore(5, image, new Random(7));
    return readFileSync(image);
  });
  assert.deepEqual(images[0], images[1]);
  writeFileSync(log, readFileSync(log).subarray(0, -1));
  assert.equal(readWriteLog(log).writes.length, story.length - 1);
});

test("marks are told apart from writes, and what a disk held behind its log is none of it", (t) => {
  const { directory, log } = recording(t, [
    { at: 0, filled: "a" },
    { mark: "asked" },
    "flush",
    { mark: "answered" },
  ]);
  const behind = join(directory, "behind");
  writeFileSync(behind, Buffer.concat([readFileSync(log), Buffer.alloc(8 * sectorBytes)]));
  const { writes, marks } = readWriteLog(behind);
  const [write, flush] = writes.map(({ end }) => end);
  assert.equal(writes.length, 2);
  assert.deepEqual(
    [...marks],
    [
      ["asked", (write ?? 0) + sectorBytes],
      ["answered", (flush ?? 0) + sectorBytes],
    ],
  );
});
