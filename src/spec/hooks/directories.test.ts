import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { HookDirectories, parseHook } from "./directories.ts";

const hook = { path: "/usr/bin/tool" };
const good = { version: "1.0.0", hook, when: { always: true }, stages: ["prestart"] };

test("files are in the order of their names in lower case, and a later directory's hides one of the same name", async (t) => {
  const base = mkdtempSync(join(tmpdir(), "berth-hooks-"));
  t.after(() => rmSync(base, { recursive: true }));
  const put = (file: string, value: object) => writeFileSync(join(base, file), JSON.stringify(value));
  for (const name of ["usual", "own"]) mkdirSync(join(base, name));
  const hooks = new HookDirectories(["missing", "usual", "own"].map((name) => join(base, name)));
  assert.deepEqual(await hooks.read(), { hooks: [], problems: [] });
  for (const name of ["02-last.json", "01-UPPER.json", "01-lower.json", "not-read.conf"])
    put(`usual/${name}`, good);
  put("usual/hidden.json", { version: "2.0.0" });
  put("own/hidden.json", good);
  put("own/bad.json", { ...good, stages: ["prestop"] });
  put("usual/bad.json", good);
  const { hooks: found, problems } = await hooks.read();
  assert.deepEqual(
    found.map(({ path }) => path.slice(base.length + 1)),
    ["usual/01-lower.json", "usual/01-UPPER.json", "usual/02-last.json", "own/hidden.json"],
  );
  assert.deepEqual(
    problems.map(({ path }) => path),
    [join(base, "own/bad.json")],
  );
  assert.match(problems[0]?.why ?? "", /^stages\.0: is not /);
  rmSync(join(base, "own/bad.json"));
  const after = await hooks.read();
  assert.deepEqual([after.hooks.at(-2)?.path, after.problems], [join(base, "usual/bad.json"), []]);
});

test("what is wrong with a file is told by its field", () => {
  const bad: [object, RegExp][] = [
    [{ ...good, version: "2.0.0" }, /^version: is not "1\.0\.0"/],
    [{ ...good, hook: {} }, /^hook\.path: is missing/],
    [{ ...good, hook: { path: "tool" } }, /^hook\.path: is not an absolute path/],
    [{ ...good, hook: { ...hook, timeout: 0 } }, /^hook\.timeout: is not above 0/],
    [{ ...good, hook: { ...hook, env: ["A"] } }, /^hook\.env\.0: is not of the form/],
    [{ ...good, when: {} }, /^when: has no condition/],
    [{ ...good, when: { allways: true } }, /^when\.allways: is not known/],
    [{ ...good, when: { commands: ["("] } }, /^when\.commands\.0: is no regular expression/],
    [{ ...good, when: { annotations: { "(": "a" } } }, /^when: has annotations with a key/],
    [{ ...good, when: { annotations: { a: "(" } } }, /^when\.annotations\.a: is no regular expression/],
    [{ ...good, stages: [] }, /^stages: names no stage/],
    [{ hook: "/x" }, /needs stages, once/],
    [{ hook: "/x", stages: ["prestart"], cmd: ["a"], cmds: ["b"] }, /has both cmds and cmd/],
    [[], /^version: is missing/],
  ];
  for (const [document, message] of bad)
    assert.throws(
      () => parseHook(document),
      (error) => {
        assert.ok(isFault(error, "corrupt"));
        assert.match(error.message, message);
        return true;
      },
    );
});

test("files of 0.1.0 are read: one condition is enough, and the program's name is the first argument", () => {
  const document = { hook: "/usr/bin/tool", arguments: ["--all"], stage: ["prestart"], cmds: ["/init$"] };
  const { hook: program, when, stages } = parseHook(document);
  assert.deepEqual(program, { path: "/usr/bin/tool", args: ["/usr/bin/tool", "--all"] });
  assert.deepEqual([when.needs, when.commands.length, stages], ["any", 1, ["prestart"]]);
});
