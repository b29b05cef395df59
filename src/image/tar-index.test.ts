import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { type TarEntry, tarOf } from "../../test/images/tar.ts";
import { isFault } from "../base/fault.ts";
import { tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import { indexTar } from "./tar-index.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-tar-"));
after(() => rmSync(directory, { recursive: true }));
const signal = new AbortController().signal;

async function index(bytes: Uint8Array): Promise<Record<string, string>> {
  const path = join(directory, "a.tar");
  writeFileSync(path, bytes);
  await using file = await open(path);
  const files = await indexTar(file, signal);
  return Object.fromEntries(
    [...files].map(([name, { offset, size }]) => [
      name,
      Buffer.from(bytes).toString("utf8", offset, offset + size),
    ]),
  );
}

function entry(path: string, kind: TarEntry["kind"], data: string): TarEntry {
  return kind === "file"
    ? { path, kind, mode: 0o644, data: Buffer.from(data) }
    : { path, kind, mode: 0o644, target: data };
}

test("files by their names, through links, and none from outside", async () => {
  const long = `${"d".repeat(90)}/${"n".repeat(90)}`;
  const tar = tarOf([
    entry("./a/file", "file", "one"),
    entry(long, "file", "long"),
    entry("b/link", "symlink", "../a/file"),
    entry("c/hard", "hardlink", "a/file"),
    entry("d/far", "symlink", "../b/link"),
    entry("out", "symlink", "../../etc/passwd"),
    entry("absolute", "symlink", "/etc/passwd"),
    entry("loop", "symlink", "loop"),
    entry("../up", "file", "up"),
    entry("/root", "file", "root"),
    entry("twice", "file", "first"),
    entry("twice", "file", "second"),
  ]);
  const found = {
    "a/file": "one",
    [long]: "long",
    twice: "second",
    "b/link": "one",
    "c/hard": "one",
    "d/far": "one",
  };
  assert.deepEqual(await index(tar), found);
});

test("what berth writes itself is read back", async () => {
  const name = `blobs/sha256/${"f".repeat(64)}`;
  const data = Buffer.from("data");
  assert.deepEqual(await index(Buffer.concat([tarHeader({ name, size: 4 }), data, tarPadding(4), tarEnd])), {
    [name]: "data",
  });
});

test("any bytes end in an index or a Fault", async () => {
  const good = tarOf([entry("a".repeat(150), "file", "x".repeat(600)), entry("b", "symlink", "a")]);
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 2000 }), damage), async (bytes) => {
      const input = bytes instanceof Uint8Array ? bytes : Buffer.from(good);
      if (!(bytes instanceof Uint8Array)) for (const [at, value] of bytes) input[at] = value;
      await index(input).catch((error) => assert.ok(isFault(error, "corrupt", "exhausted"), String(error)));
    }),
    { numRuns: 300 },
  );
});
