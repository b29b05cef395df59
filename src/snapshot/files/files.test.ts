import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { buildTar, type TestEntry } from "../testing/build-tar.ts";
import { asRoot, chunksOf, SnapshotFixture } from "../testing/fixture.ts";
import { checksum } from "./checksum.ts";
import { compareFiles } from "./compare.ts";

test("the checksum is gzip's, whatever computes it, in one piece or several", () => {
  for (const length of [0, 1, 1023, 1024, 300_000]) {
    const bytes = randomBytes(length);
    const [one, two] = [bytes.subarray(0, length / 3), bytes.subarray(length / 3)];
    assert.equal(checksum(bytes), crc32(bytes));
    assert.equal(checksum(two, checksum(one)), crc32(bytes));
  }
});

describe("a layer's files and the list of them", { skip: asRoot }, () => {
  let fixture: SnapshotFixture;
  let made = 0;
  before(() => {
    fixture = new SnapshotFixture("overlay");
  });
  after(() => fixture[Symbol.asyncDispose]());

  /** A layer on `below`, as it is mounted, where its own files lie, and the list of them. */
  async function layerOf(entries: readonly TestEntry[], below?: readonly TestEntry[]) {
    const parent = below === undefined ? undefined : await fixture.layer(below);
    const [ingest, chain] = [fixture.newName(), fixture.newChain()];
    const list = join(fixture.directory, `list-${++made}`);
    const at = await fixture.snapshots.prepareLayer(ingest);
    await fixture.unpack(chunksOf(buildTar(entries)), at, { listFilesAt: list });
    await fixture.snapshots.commitLayer(ingest, chain, parent);
    const request = { root: await fixture.view(chain), list, most: 100 };
    const [view] = await fixture.snapshots.view(chain);
    const [own = ""] = view?.options.flatMap((option) => /^lowerdir=([^:]+)/.exec(option)?.[1] ?? []) ?? [];
    return { request, own };
  }
  const told = (request: Parameters<typeof compareFiles>[0]) =>
    compareFiles(request).differences.map(({ path, what }) => `${path} ${what}`);

  const entries: TestEntry[] = [
    { name: "bin/", mode: 0o755 },
    { name: "bin/tool", content: "#!/bin/sh\n", mode: 0o4755, uid: 7, gid: 8 },
    { name: "bin/large", content: randomBytes(700_000) },
    { name: "bin/link", flag: "2", link: "tool" },
    { name: "bin/same", flag: "1", link: "bin/tool" },
    { name: "empty", content: "" },
    { name: Buffer.from("na\xefve", "latin1"), content: "not UTF-8" },
    { name: "pipe", flag: "6" },
  ];

  test("what was unpacked is as it was listed", async () => {
    const { request } = await layerOf(entries);
    const { files, bytes, differences } = compareFiles(request);
    assert.deepEqual([differences, files, bytes], [[], entries.length, 700_000 + 10 + 9]);
  });

  test("each damage is told for what it is", async () => {
    const { request, own } = await layerOf(entries);
    const damage = (name: string, by: (path: string) => void) => by(join(own, name));
    damage("bin/large", (path) => writeFileSync(path, randomBytes(700_000)));
    damage("empty", (path) => truncateSync(path, 3));
    damage("bin/link", (path) => {
      rmSync(path);
      symlinkSync("elsewhere", path);
    });
    damage("bin/same", (path) => chmodSync(path, 0o755));
    damage("pipe", (path) => {
      rmSync(path);
      writeFileSync(path, "");
    });
    damage("bin", (path) => chownSync(path, 1, 0));
    rmSync(Buffer.concat([Buffer.from(`${own}/na`), Buffer.from([0xef]), Buffer.from("ve")]));
    const more = [
      "bin/same has the mode 755, not 4755",
      "bin/tool has the mode 755, not 4755",
      "na\xefve is missing",
      "pipe is a file, not a FIFO",
    ];
    assert.deepEqual(told(request).sort(), [
      "bin belongs to 1:0, not to 0:0",
      "bin/large has another content",
      "bin/link leads elsewhere",
      ...more.slice(0, 2),
      "empty has 3 bytes, not 0",
      ...more.slice(2),
    ]);
    const few = compareFiles({ ...request, most: 2 });
    assert.deepEqual([few.differences.length, few.more], [2, 6]);
  });

  test("later entries stand for earlier ones, and what lies below a link is found", async () => {
    const { request } = await layerOf(
      [
        { name: "twice", content: "first" },
        { name: "twice", content: "second" },
        { name: "dir/", mode: 0o700 },
        { name: "dir/gone", content: "gone" },
        { name: "dir", content: "now a file" },
        { name: "lib/moved", content: "below a link of the layer below" },
        { name: "hard", flag: "1", link: "usr/lib/lower" },
        { name: "sparse-like", content: Buffer.alloc(10_000) },
        { name: ".wh.hidden", content: "" },
      ],
      [
        { name: "usr/lib/", mode: 0o755 },
        { name: "usr/lib/lower", content: "lower" },
        { name: "lib", flag: "2", link: "usr/lib" },
        { name: "hidden", content: "" },
      ],
    );
    assert.deepEqual(told(request), []);
  });

  test("times alone are no difference; a list that is cut short is refused", async () => {
    const { request, own } = await layerOf(entries);
    lutimesSync(join(own, "empty"), 1, 1);
    assert.deepEqual(told(request), []);
    truncateSync(request.list, 20);
    assert.throws(() => compareFiles(request), /reading the list of files/);
    assert.ok(existsSync(own));
  });
});
