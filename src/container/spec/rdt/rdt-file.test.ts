import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isFault } from "../../../base/fault.ts";
import { parseRdtFile } from "../../../spec/rdt-file.ts";
import { parse } from "../../../spec/yaml.ts";
import type { WantedClass } from "../resource-class.ts";
import { findRdt } from "./rdt-lookup.ts";
import { schemataOf } from "./schemata.ts";

const machine = {
  l3: { ids: [0, 1], bits: 20, minBits: 1, isSplit: false },
  mb: { ids: [0, 1], least: 10, isAbsolute: false },
};

function schemata(text: string, info: Parameters<typeof schemataOf>[1] = machine): Record<string, string> {
  return Object.fromEntries(schemataOf(parseRdtFile(parse(text)), info));
}

const shared = `
options: { l2: { optional: true } }
partitions:
  exclusive:
    l2Allocation: "50%"
    l3Allocation: { all: "60%", "1": "50%" }
    mbAllocation: ["100%"]
    classes:
      gold: { l2Allocation: "100%", l3Allocation: "100%", mbAllocation: ["100%"] }
  shared:
    l2Allocation: "50%"
    l3Allocation: "40%"
    mbAllocation: ["60%", "9000MBps"]
    classes:
      silver: { l3Allocation: { "0-1": "50-100%" }, mbAllocation: { all: ["50%"], "1": ["5%"] } }
      bronze: { l3Allocation: "1%" }
`;

test("partitions lie beside each other, and classes have their part of them", () => {
  assert.deepEqual(schemata(shared), {
    gold: "L3:0=fff;1=3ff\nMB:0=100;1=100\n",
    silver: "L3:0=f8000;1=3e000\nMB:0=30;1=10\n",
    bronze: "L3:0=1000;1=400\nMB:0=60;1=60\n",
  });
});

test("bits may be named one by one; code and data may have parts of their own; bandwidth may be absolute", () => {
  const bits = `
partitions:
  low: { l3Allocation: "0-9", mbAllocation: ["100%", "5000MBps"], classes: { a: { l3Allocation: "0x3", mbAllocation: ["50%", "7000MBps"] } } }
  high:
    l3Allocation: "0xffc00"
    classes:
      b: { l3Allocation: { all: { unified: "100%", code: "0-1", data: "50%" } } }
      "": null
`;
  assert.deepEqual(schemata(bits), {
    a: "L3:0=3;1=3\nMB:0=50;1=50\n",
    b: "L3:0=ffc00;1=ffc00\nMB:0=100;1=100\n",
    "system/default": "L3:0=ffc00;1=ffc00\nMB:0=100;1=100\n",
  });
  const split = { ...machine, l3: { ...machine.l3, isSplit: true } };
  assert.equal(schemata(bits, split).b, "L3CODE:0=c00;1=c00\nL3DATA:0=7c00;1=7c00\nMB:0=100;1=100\n");
  const absolute = { ...machine, mb: { ...machine.mb, isAbsolute: true } };
  assert.match(schemata(bits, absolute).a ?? "", /MB:0=5000;1=5000/);
});

test("what can't be had says why", () => {
  const partitions = (one: string, other: string) => `
partitions:
  one: { l3Allocation: ${one}, classes: { a: {} } }
  other: { l3Allocation: ${other}, classes: {} }
`;
  const cases: [string, RegExp][] = [
    [partitions('"60%"', '"50%"'), /for cache 0 \(unified\): together they are 110%/],
    [partitions('"60%"', '"0-1"'), /some are in percent/],
    [partitions('"0-3"', '"3-4"'), /they overlap/],
    [partitions('"0-3"', '"19-20"'), /the cache has 20 bits/],
    [partitions('"10-20%"', '"5%"'), /ranges are for classes/],
    [
      "partitions: { p: { l3Allocation: '50%', classes: { a: { l3Allocation: '10-11' } } } }",
      /not within its/,
    ],
    [
      "partitions: { p: { l2Allocation: '50%', classes: { a: { l2Allocation: '50%' } } } }",
      /has an l2Allocation, which/,
    ],
    [
      "partitions: { p: { classes: { a: { mbAllocation: ['50%'] } } } }",
      /classes\.a\.mbAllocation: its partition has no/,
    ],
    ["partitions: { p: { classes: { a: } }, q: { classes: { a: } } }", /two classes of this name/],
    ["partitions: { p: { classes: { a/b: } } }", /can't be the name of a group/],
    ["partitions: { p: { l3Allocation: '0,2' } }", /partitions\.p\.l3Allocation/],
    ["partitions: { p: { l3allocation: '100%' } }", /partitions\.p\.l3allocation: is not known/],
    ["partitions: { p: { mbAllocation: ['50GBps'] } }", /partitions\.p\.mbAllocation/],
  ];
  assert.throws(
    () => schemata(partitions('"0-3"', '"4"'), { l3: { ...machine.l3, minBits: 2 } }),
    /other, l3Allocation: less than 2 bits/,
  );
  for (const [text, message] of cases) assert.throws(() => schemata(text), message, text);
});

/** A directory with the files that resctrl would have there. */
function resctrl(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "berth-rdt-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const root = join(directory, "resctrl");
  const write = (path: string, text: string) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write("schemata", "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n");
  write("info/L3/cbm_mask", "fffff\n");
  write("info/L3/min_cbm_bits", "1\n");
  write("info/MB/min_bandwidth", "10\n");
  const file = join(directory, "rdt.yaml");
  return { root, file, read: (group: string) => readFileSync(join(root, group, "schemata"), "utf8") };
}

test("a container's class of a file is a group that is made as the file says, for who may ask for it", async (t) => {
  const { root, file, read } = resctrl(t);
  const kubernetes = "kubernetes: { denyPodAnnotation: true }";
  writeFileSync(file, shared.replace("gold: { ", `gold: { ${kubernetes}, `));
  const find = (name: string, by: WantedClass["by"] = "container") =>
    findRdt({ name, from: "here", by }, { file, classes: {} }, root);
  assert.deepEqual(await find("gold"), { closID: "gold" });
  assert.equal(read("gold"), "L3:0=fff;1=3ff\nMB:0=100;1=100\n");
  assert.equal(read("bronze"), "L3:0=1000;1=400\nMB:0=60;1=60\n");
  await assert.rejects(find("gold", "pod"), /here: RDT class "gold" is not for pods to ask for/);
  await assert.rejects(find("other"), /"other" is not in .*rdt\.yaml; it has gold, silver, bronze/);
  writeFileSync(file, "partitions: { p: { classes: { system/default: {} } } }");
  assert.equal(await find("system/default"), undefined, "everything's group needs no word to the runtime");
  writeFileSync(file, "partitions: 3");
  await assert.rejects(
    find("gold"),
    (error) => isFault(error, "wrongState") && /partitions/.test(String(error.cause)),
  );
});
