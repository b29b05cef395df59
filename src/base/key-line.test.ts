import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOfKey } from "./key-line.ts";

const text = `root = "/a"
# state = "/commented"

[ network ] # about pods
maxConfs = 1
"confDir" = "/etc"

[runtime.handlers."kata.qemu"]
binary = "kata"
[container]
rlimits = [
  { type = "RLIMIT_NOFILE", soft = 1, hard = 2 },
]
deadline.undo = "1s"
log = { level = "loud" }
[host."http://[::1]:5000/a=b".header] # of IPv6
"x-a=b" = 1
`;

test("finds the line that sets a key, in a table, under a dotted or quoted name, or in an inline table", () => {
  const lines = [
    ["root", 1],
    ["state", undefined],
    ["network", 4],
    ["network.confDir", 6],
    ["runtime.handlers.kata.qemu.binary", 9],
    ["container.rlimits", 11],
    ["container.deadline.undo", 14],
    ["container.log.level", 15],
    ["host.http://[::1]:5000/a=b.header.x-a=b", 17],
    ["confDir", undefined],
  ] as const;
  for (const [path, line] of lines) assert.equal(lineOfKey(text, path), line, path);
});
