import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { treeOf } from "./notes.ts";
import { buildTar } from "./testing/build-tar.ts";
import { asRoot, chunksOf, generous, ofKind, SnapshotFixture } from "./testing/fixture.ts";
import { openUnpacker } from "./unpacker.ts";

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const zstd = (bytes: Uint8Array) =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Too large to be inflated without igzip, and not to be compressed much. */
const large = buildTar([
  { name: "big", content: randomBytes(1_500_000) },
  { name: "end", content: "end" },
]);

describe("the unpacker", { skip: asRoot }, () => {
  let fixture: SnapshotFixture;
  before(() => {
    fixture = new SnapshotFixture("overlay");
  });
  after(() => fixture[Symbol.asyncDispose]());

  for (const [name, pack] of [
    ["gzip", (tar: Uint8Array) => gzipSync(tar)],
    [
      "gzip of several members",
      (tar: Uint8Array) =>
        Buffer.concat([gzipSync(tar.subarray(0, 1_000_000)), gzipSync(tar.subarray(1_000_000))]),
    ],
    ["gzip with an empty last member", (tar: Uint8Array) => Buffer.concat([gzipSync(tar), gzipSync("")])],
    ["zstd", (tar: Uint8Array) => zstd(tar)],
    [
      "zstd of several frames",
      (tar: Uint8Array) => Buffer.concat([zstd(tar.subarray(0, 99)), zstd(tar.subarray(99))]),
    ],
    ["no compression", (tar: Uint8Array) => tar],
  ] as const) {
    describe(name, () => {
      for (const [size, tar] of [
        ["small", buildTar([{ name: "end", content: "end" }])],
        ["large", large],
      ] as const) {
        it(`${size}: is inflated, hashed and unpacked in one pass`, async () => {
          const blob = pack(tar);
          for (const igzip of ["/usr/bin/igzip", undefined]) {
            const directory = fixture.newDirectory();
            const keepBlobAt = join(fixture.directory, fixture.newName());
            let progress = 0;
            const result = await openUnpacker(fixture.workers, igzip).unpackLayer(
              {
                source: chunksOf(blob),
                directory,
                limits: generous,
                mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
                keepBlobAt,
                progress: (done) => (progress = done),
              },
              AbortSignal.timeout(20_000),
            );
            assert.deepEqual([result.blobDigest, result.blobSize], [sha256(blob), blob.length]);
            assert.deepEqual([result.diffId, result.unpackedBytes], [sha256(tar), tar.length]);
            assert.equal(result.files, size === "small" ? 1 : 2);
            assert.equal(progress, blob.length);
            assert.equal(readFileSync(join(treeOf(directory), "end"), "utf8"), "end");
            assert.ok(readFileSync(keepBlobAt).equals(blob));
          }
        });
      }

      if (name === "no compression") return;
      it("is refused when cut short, damaged, or followed by anything", async () => {
        const small = pack(buildTar([{ name: "x", content: randomBytes(2000) }]));
        for (const whole of [small, pack(large)]) {
          const damaged = Buffer.from(whole);
          for (let i = 0; i < 64; i++) damaged[(whole.length >> 1) + i] = 0xff;
          const bad = {
            "cut in half": whole.subarray(0, whole.length >> 1),
            "cut by a byte": whole.subarray(0, -1),
            damaged,
            "and text": Buffer.concat([whole, Buffer.from("garbage")]),
            "and zeros": Buffer.concat([whole, Buffer.alloc(100)]),
            "and much more": Buffer.concat([whole, randomBytes(300_000)]),
          };
          for (const [what, blob] of Object.entries(bad))
            await assert.rejects(
              fixture.unpack(chunksOf(blob), fixture.newDirectory()),
              ofKind("corrupt"),
              `${what}: ${whole.length}`,
            );
        }
      });
    });
  }

  it("reads a file by itself", async () => {
    const file = join(fixture.directory, "blob");
    writeFileSync(file, gzipSync(large));
    const result = await fixture.unpack({ file }, fixture.newDirectory());
    assert.equal(result.diffId, sha256(large));
    await assert.rejects(
      fixture.unpack({ file: `${file}-not` }, fixture.newDirectory()),
      ofKind("notFound", /blob-not/),
    );
  });

  it("knows the media types of layers", async () => {
    const tar = buildTar([{ name: "a" }]);
    for (const mediaType of ["text/plain", "application/vnd.oci.image.layer.v1.tar+encrypted", ""])
      await assert.rejects(
        fixture.unpack(chunksOf(tar), fixture.newDirectory(), { mediaType }),
        ofKind("invalid", /media type/),
      );
    await assert.rejects(
      fixture.unpack(chunksOf(Buffer.from("no tar".repeat(200))), fixture.newDirectory()),
      ofKind("corrupt"),
    );
    await assert.rejects(
      fixture.unpack(chunksOf(tar.subarray(0, 200)), fixture.newDirectory()),
      ofKind("corrupt", /cut short/),
    );
  });

  it("keeps within limits", async () => {
    const limits = { maxUnpacked: 100_000, maxFiles: 10 };
    const bomb = gzipSync(buildTar([{ name: "zeros", content: Buffer.alloc(1_000_000) }]));
    await assert.rejects(
      fixture.unpack(chunksOf(bomb), fixture.newDirectory(), { limits }),
      ofKind("exhausted", /100000 bytes/),
    );
    const many = buildTar(Array.from({ length: 11 }, (_, i) => ({ name: `f${i}` })));
    await assert.rejects(
      fixture.unpack(chunksOf(many), fixture.newDirectory(), { limits }),
      ofKind("exhausted", /10 entries/),
    );
    const sparse = buildTar([
      {
        name: "s",
        pax: [
          ["GNU.sparse.size", "99999999999"],
          ["GNU.sparse.map", ""],
        ],
      },
    ]);
    await assert.rejects(
      fixture.unpack(chunksOf(sparse), fixture.newDirectory(), { limits }),
      ofKind("exhausted", /files take/),
    );
  });

  it("says so when the disk is full", async () => {
    const disk = await fixture.mount([{ type: "tmpfs", source: "tmpfs", options: ["size=1m"] }]);
    mkdirSync(join(disk, "ingest"));
    await assert.rejects(
      fixture.unpack(chunksOf(gzipSync(large)), join(disk, "ingest")),
      ofKind("exhausted", /"big"/),
    );
    const keepBlobAt = join(disk, "blob");
    await assert.rejects(
      fixture.unpack(chunksOf(gzipSync(large)), fixture.newDirectory(), { keepBlobAt }),
      ofKind("exhausted", /blob/),
    );
    await fixture.unmount(disk);
  });

  it("stops when aborted, and closes the source", async () => {
    let closed = false;
    const endless = (async function* () {
      try {
        yield gzipSync(large).subarray(0, 1_000_000);
        for (;;) {
          await sleep(1);
          yield Buffer.alloc(0);
        }
      } finally {
        closed = true;
      }
    })();
    const stop = new AbortController();
    const unpacking = fixture.unpack(endless, fixture.newDirectory(), {}, stop.signal);
    setTimeout(() => stop.abort(), 50);
    await assert.rejects(unpacking, ofKind("cancelled"));
    await sleep(20);
    assert.ok(closed);
    await assert.rejects(
      fixture.unpack(chunksOf(large), fixture.newDirectory(), {}, AbortSignal.abort()),
      ofKind("cancelled"),
    );
    const late = AbortSignal.timeout(30);
    const hanging = {
      async *[Symbol.asyncIterator]() {
        yield large.subarray(0, 5000);
        await new Promise(() => undefined);
      },
    };
    await assert.rejects(fixture.unpack(hanging, fixture.newDirectory(), {}, late), ofKind("deadline"));
  });

  it("passes on what the source throws", async () => {
    const broken = (async function* () {
      yield large.subarray(0, 100_000);
      throw new RangeError("the line is dead");
    })();
    await assert.rejects(fixture.unpack(broken, fixture.newDirectory()), RangeError);
  });

  it("takes no more from the source than it can write", async () => {
    let taken = 0;
    let seen = 0;
    let most = 0;
    const tar = buildTar([{ name: "f", content: Buffer.alloc(40_000_000) }]);
    const counted = (async function* () {
      for await (const chunk of chunksOf(tar)) {
        taken += chunk.length;
        most = Math.max(most, taken - seen);
        yield chunk;
      }
    })();
    await fixture.unpack(counted, fixture.newDirectory(), { progress: (done) => (seen = done) });
    assert.ok(most < 6_000_000, `${most} bytes were under way`);
  });
});
