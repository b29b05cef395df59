import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { processArgs } from "./args.ts";
import { processCwd } from "./cwd.ts";
import { processEnv } from "./env.ts";
import { exampleConfig } from "./testing/example.ts";

test("command and args go over the image's entrypoint and cmd", () => {
  const image = { Entrypoint: ["/entry"], Cmd: ["cmd"] };
  const cases: [string[], string[], typeof image, string[]][] = [
    [[], [], image, ["/entry", "cmd"]],
    [["c"], [], image, ["c"]],
    [[], ["a"], image, ["/entry", "a"]],
    [["c"], ["a", ""], image, ["c", "a", ""]],
    [[], [], { Entrypoint: [""], Cmd: ["cmd"] }, ["cmd"]],
    [[], ["a"], { Entrypoint: [], Cmd: ["cmd"] }, ["a"]],
  ];
  for (const [command, args, from, expected] of cases) {
    assert.deepEqual(processArgs({ command, args }, from), expected);
  }
});

test("a container without a command, or with one that can't be executed, is refused", () => {
  const none = { Entrypoint: [], Cmd: [] };
  assert.throws(
    () => processArgs({ command: [], args: [] }, none),
    (error) => isFault(error, "invalid"),
  );
  assert.throws(
    () => processArgs({ command: [""], args: ["a"] }, none),
    (error) => isFault(error, "invalid"),
  );
  assert.throws(
    () => processArgs({ command: ["a\0b"], args: [] }, none),
    (error) => isFault(error, "invalid"),
  );
});

test("the environment: defaults, the image's, the config's, each over the one before and in its place", () => {
  const config = {
    ...exampleConfig,
    tty: true,
    envs: [
      { key: "B", value: "config" },
      { key: "C", value: "" },
    ],
  };
  assert.deepEqual(
    processEnv(config, ["PATH=/bin", "A=1=2", "B=image", "TERM", "=odd"], {
      hostname: "host",
      weakest: [],
      strongest: [],
    }),
    ["PATH=/bin", "HOSTNAME=host", "A=1=2", "B=config", "C="],
  );
});

test("a variable whose name can't be one is refused, by its place", () => {
  for (const key of ["", "A=B", "A\0"]) {
    const envs = [
      { key: "OK", value: "1" },
      { key, value: "x" },
    ];
    assert.throws(
      () => processEnv({ envs, tty: false }, [], { hostname: "host", weakest: [], strongest: [] }),
      (error) => isFault(error, "invalid") && error.message.includes("config.envs[1]"),
    );
  }
});

test("the working directory is the config's, the image's, or the root", () => {
  assert.equal(processCwd("/a/../b", "/image"), "/b");
  assert.equal(processCwd("", "/image"), "/image");
  assert.equal(processCwd("", ""), "/");
  assert.throws(() => processCwd("a", "/image"), /config\.workingDir "a"/);
  assert.throws(() => processCwd("", "a"), /image's working directory "a"/);
});
