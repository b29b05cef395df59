import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { CdiDirectories } from "./directories.ts";

let base: string;
const at = (...path: string[]) => join(base, ...path);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-cdi-"));
  for (const name of ["static", "dynamic"]) mkdirSync(at(name));
});
afterEach(() => rmSync(base, { recursive: true }));

const open = () => new CdiDirectories([at("static"), at("dynamic"), at("missing")]);

const spec = (device: string, env: string) =>
  JSON.stringify({
    cdiVersion: "0.3.0",
    kind: "vendor.com/class",
    devices: [{ name: device, containerEdits: { env: [env] } }],
  });

test("JSON and YAML are read, other files and directories passed over", async () => {
  writeFileSync(at("static/a.json"), spec("a", "FROM=json"));
  const yaml = `---
cdiVersion: 0.6.0
kind: "vendor.com/class"
devices:
  - name: 1
    containerEdits: &edits
      deviceNodes:
        - { path: /dev/x, fileMode: 0666 }
  - name: "2"
    containerEdits: *edits
`;
  writeFileSync(at("static/b.yaml"), yaml);
  writeFileSync(at("static/c.yml"), "not: read");
  mkdirSync(at("static/d.json"));
  const { devices, problems } = await open().read();
  assert.deepEqual(problems, []);
  assert.deepEqual([...devices.keys()], ["vendor.com/class=a", "vendor.com/class=1", "vendor.com/class=2"]);
  assert.equal(devices.get("vendor.com/class=2")?.edits.deviceNodes[0]?.fileMode, 0o666);
  assert.equal(devices.get("vendor.com/class=1")?.file, at("static/b.yaml"));
});

test("a later directory hides, two files of one directory stand in each other's way", async () => {
  writeFileSync(at("static/a.json"), spec("a", "FROM=static"));
  writeFileSync(at("static/b.json"), spec("b", "FROM=static"));
  writeFileSync(at("static/c.json"), spec("b", "FROM=other"));
  writeFileSync(at("dynamic/a.json"), spec("a", "FROM=dynamic"));
  const cdi = open();
  const before = await cdi.read();
  assert.deepEqual(before.devices.get("vendor.com/class=a")?.edits.env, ["FROM=dynamic"]);
  assert.equal(before.devices.has("vendor.com/class=b"), false);
  assert.deepEqual(
    before.problems.map(({ path }) => path),
    [at("static/b.json"), at("static/c.json")],
  );
  writeFileSync(at("dynamic/b.json"), spec("b", "FROM=dynamic"));
  assert.deepEqual((await cdi.read()).devices.get("vendor.com/class=b")?.edits.env, ["FROM=dynamic"]);
});

test("changes are seen, and what can't be used is named with its reason", async () => {
  const cdi = open();
  assert.deepEqual(await cdi.read(), { devices: new Map(), problems: [] });
  writeFileSync(at("static/a.json"), spec("a", "N=1"));
  assert.deepEqual((await cdi.read()).devices.get("vendor.com/class=a")?.edits.env, ["N=1"]);
  writeFileSync(at("static/a.json"), spec("a", "N=2"));
  utimesSync(at("static/a.json"), 1, 1);
  assert.deepEqual((await cdi.read()).devices.get("vendor.com/class=a")?.edits.env, ["N=2"]);
  const bad: [string, string, RegExp][] = [
    ["empty.json", "", /not JSON/],
    ["broken.yaml", "a: [", /not YAML/],
    ["other.json", '{"cdiVersion": "0.3.0"}', /kind: is missing/],
    ["bomb.yaml", bomb(), /not YAML/],
  ];
  for (const [name, text] of bad) writeFileSync(at("dynamic", name), text);
  symlinkSync("/dev/zero", at("dynamic/zero.yaml"));
  symlinkSync(at("nowhere"), at("dynamic/dangling.yaml"));
  writeFileSync(at("dynamic/large.json"), " ".repeat(4 * 2 ** 20 + 1));
  const { devices, problems } = await cdi.read();
  assert.equal(devices.size, 1);
  const why = new Map(problems.map((problem) => [problem.path, problem.why]));
  for (const [name, , message] of bad) assert.match(why.get(at("dynamic", name)) ?? "", message);
  assert.match(why.get(at("dynamic/zero.yaml")) ?? "", /not a regular file/);
  assert.match(why.get(at("dynamic/large.json")) ?? "", /4194305 bytes/);
  assert.equal(why.size, bad.length + 2);
});

/** Each line ten of the line before: ten billion in all. */
function bomb(): string {
  const lines = ["a0: &a0 [x]"];
  for (let depth = 1; depth <= 10; depth++)
    lines.push(
      `a${depth}: &a${depth} [${Array(10)
        .fill(`*a${depth - 1}`)
        .join(", ")}]`,
    );
  return lines.join("\n");
}
