import assert from "node:assert/strict";
import { readFileSync, realpathSync } from "node:fs";
import { test } from "node:test";
import { cleanMappingsOf, releaseMemory } from "./release-memory.ts";

const program = realpathSync(process.execPath);

/** What of the program is mapped in, in kB. */
function residentOfProgram(): number {
  const parts = readFileSync("/proc/self/smaps", "latin1").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return parts
    .filter((part) => part.split("\n")[0]?.endsWith(program))
    .reduce((sum, part) => sum + Number(/^Rss:\s+(\d+)/m.exec(part)?.[1]), 0);
}

test("the pages of Node's own program are let go, and it goes on", () => {
  const before = residentOfProgram();
  releaseMemory();
  const after = residentOfProgram();
  assert.ok(after < before / 2, `${before} kB before, ${after} kB after`);
  // much of the program, from its beginning
  assert.equal(JSON.parse(JSON.stringify({ text: "é".normalize("NFD") })).text.length, 2);
  releaseMemory();
});

test("only mappings of the file that were never written to are let go", () => {
  const mapping = (range: string, access: string, path: string, anonymous: number, dirty = 0) =>
    `${range} ${access} 00000000 fe:00 131 ${path === "" ? "" : `                   ${path}`}
Size:               8192 kB
Rss:                8192 kB
Private_Clean:      ${8192 - dirty} kB
Private_Dirty:      ${dirty} kB
Anonymous:          ${anonymous} kB
VmFlags: rd mr mw me sd
`;
  const smaps = [
    mapping("00400000-00c00000", "r--p", "/usr/bin/node", 0),
    mapping("00c00000-01400000", "r-xp", "/usr/bin/node", 0),
    mapping("01400000-01c00000", "r--p", "/usr/bin/node", 136),
    mapping("01c00000-02400000", "rw-p", "/usr/bin/node", 0),
    mapping("02400000-02c00000", "r--p", "/usr/bin/node", 0, 4),
    mapping("02c00000-03400000", "r-xp", "/usr/lib/libc.so.6", 0),
    mapping("7f0000000000-7f0000800000", "r-xp", "", 0),
    mapping("7f0000800000-7f0001000000", "r-xp", "/usr/bin/node", 0),
  ].join("");
  const length = 8192n << 10n;
  assert.deepEqual(cleanMappingsOf(smaps, "/usr/bin/node"), [
    { start: 0x400000n, length },
    { start: 0xc00000n, length },
    { start: 0x7f0000800000n, length },
  ]);
});
