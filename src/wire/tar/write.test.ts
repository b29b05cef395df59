import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import type { TarEntry } from "./entry.ts";
import { TarReader } from "./read.ts";
import { tarEnd, tarHeader, tarPadding } from "./write.ts";

function readBack(tar: Uint8Array): TarEntry[] {
  const found: TarEntry[] = [];
  const reader = new TarReader({
    entry: (entry) => void found.push(entry),
    data: () => undefined,
    entryEnd: () => undefined,
  });
  reader.push(tar);
  reader.end();
  return found;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: any byte but NUL
const name = fc.stringMatching(/^[\x01-\xff]{1,300}$/).filter((text) => !text.endsWith("/"));

test("what is written is read back", () => {
  fc.assert(
    fc.property(
      fc.record({
        name,
        linkName: name,
        size: fc.maxSafeNat(),
        mode: fc.nat(0o7777),
        uid: fc.nat(0xfffffffe),
        gid: fc.nat(0xfffffffe),
        seconds: fc.bigInt(0n, 1n << 40n),
      }),
      ({ seconds, size, ...fields }) => {
        const modified = seconds * 1_000_000_000n;
        const link = { ...fields, type: "symbolicLink", modified, size: 0 } as const;
        const [read] = readBack(Buffer.concat([tarHeader(link), tarEnd]));
        const { accessed, sparse, extendedAttributes, deviceMajor, deviceMinor, ...told } =
          read ?? assert.fail();
        assert.deepEqual(told, link);
        fc.pre(size > 0);
        assert.throws(() => readBack(tarHeader({ ...fields, size })), /cut short/);
      },
    ),
  );
});

test("other programs read it: long names, links, large owners", () => {
  const long = `${"d".repeat(90)}/${"ä".repeat(60)}`;
  const bytes = Buffer.from(long).toString("latin1");
  const content = Buffer.from("hello\n");
  const tar = Buffer.concat([
    tarHeader({ name: bytes, size: content.length, uid: 3_000_000_000 }),
    content,
    tarPadding(content.length),
    tarHeader({ name: "link", size: 0, type: "symbolicLink", linkName: bytes }),
    tarEnd,
  ]);
  for (const program of [["tar"], ["busybox", "tar"]]) {
    const [command = "", ...args] = program;
    const list = execFileSync(command, [...args, "-tvf", "-"], {
      input: tar,
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    assert.match(list, new RegExp(`3000000000.* ${long}\n.*link -> ${long}\n$`), command);
  }
});
