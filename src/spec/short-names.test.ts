import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { ruleFor } from "./blocked.ts";
import { formatReference, parseReference } from "./reference.ts";
import { candidatesOf, isShortName, type ShortNames, usualShortNames } from "./short-names.ts";

const digest = `sha256:${"a".repeat(64)}`;
const several: ShortNames = {
  search: ["r.example:5000", "docker.io", "q.example/team"],
  aliases: { fedora: "registry.fedoraproject.org/fedora", "team/app": "r.example/app" },
  mode: "permissive",
};
const names = (text: string, short: ShortNames) => candidatesOf(text, short).map(formatReference);

test("which names are short", () => {
  for (const text of ["app", "app:1", "team/app", `app@${digest}`, `team/app:1@${digest}`, "a/b/c"])
    assert.ok(isShortName(text), text);
  for (const text of ["r.example/app", "localhost/app", "r:5000/app", "[::1]/app", "R/app"])
    assert.ok(!isShortName(text), text);
});

test("a short name is looked for in each registry, in order; an alias stands for one", () => {
  assert.deepEqual(names("app", usualShortNames), ["docker.io/library/app:latest"]);
  assert.deepEqual(names("team/app:1", several), ["r.example/app:1"]);
  assert.deepEqual(names("other:1", several), [
    "r.example:5000/other:1",
    "docker.io/library/other:1",
    "q.example/team/other:1",
  ]);
  assert.deepEqual(names("fedora:40", several), ["registry.fedoraproject.org/fedora:40"]);
  assert.deepEqual(names(`fedora@${digest}`, several), [`registry.fedoraproject.org/fedora@${digest}`]);
  assert.deepEqual(names("x.example/fedora", several), ["x.example/fedora:latest"]);
  assert.deepEqual(names("app", { ...several, search: ["docker.io", "index.docker.io"] }).length, 1);
});

test("names that could mean several registries, or none, are refused where the settings say so", () => {
  const refused = (text: string, short: ShortNames, said: RegExp) =>
    assert.throws(
      () => candidatesOf(text, short),
      (error) => isFault(error, "invalid") && said.test(error.message),
    );
  refused(
    "app",
    { ...several, mode: "enforcing" },
    /may mean any of r\.example:5000\/app:latest, docker\.io/,
  );
  assert.equal(names("fedora", { ...several, mode: "enforcing" }).length, 1);
  refused("app", { ...several, search: [] }, /"app" names no registry/);
  refused("app", { ...several, search: ["team"] }, /"team" names no registry/);
  refused("App", several, /lower case/);
});

test("rules that block are for hosts, for what lies below a path, for one name, and for all below a domain", () => {
  const rule = (text: string, ...rules: string[]) => ruleFor(parseReference(text), rules);
  const cases: [string, string, boolean][] = [
    ["r.example/a/b:1", "r.example", true],
    ["r.example:5000/a", "r.example", false],
    ["r.example/a/b", "r.example/a", true],
    ["r.example/a/b", "r.example/a/", true],
    ["r.example/ab", "r.example/a", false],
    ["r.example/a/b:1", "r.example/a/b:1", true],
    ["r.example/a/b:12", "r.example/a/b:1", false],
    [`r.example/a:1@${digest}`, `r.example/a@${digest}`, true],
    ["app", "docker.io/library", true],
    ["R.example/a", "r.Example", true],
    ["x.bad.example:5000/a", "*.bad.example", true],
    ["bad.example/a", "*.bad.example", false],
    ["r.example/a", "example/a", false],
  ];
  for (const [text, one, isBlocked] of cases)
    assert.equal(rule(text, "never.example", one), isBlocked ? one : undefined, `${text} ${one}`);
});
