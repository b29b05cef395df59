import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pino from "pino";
import { loadConfig } from "../config/load.ts";
import { Reload } from "./reload.ts";

test("settings are read one time after the other; what came of it stays to be seen", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-reload-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "config.toml");
  writeFileSync(file, "");
  const readConfig = () => loadConfig({ config: file }, {}).config;
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line)) });
  const told: string[] = [];
  const service = {
    reloading: () => void told.push("reloading"),
    reloaded: () => void told.push("reloaded"),
  };
  const changing = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let changes = 0;
  const change = () => changing[changes++]?.promise ?? Promise.resolve();
  const reload = new Reload(readConfig(), { readConfig, change, log, service });

  writeFileSync(
    file,
    '[log]\nlevel = "debug"\n[cgroup]\nparent = "/else"\n[image]\nsnapshotter = "native"\n',
  );
  const first = reload.again();
  const second = reload.again();
  await new Promise(setImmediate);
  assert.deepEqual([changes, told], [1, ["reloading"]]);
  changing[0]?.resolve();
  await first;
  assert.equal(reload.status, "cgroup.parent, image.snapshotter changed: wait for a restart");
  assert.deepEqual(lines.at(-1)?.waiting, ["cgroup.parent", "image.snapshotter"]);
  assert.equal(log.level, "debug");
  changing[1]?.reject(new Error("no registry"));
  await second;
  assert.deepEqual(told, ["reloading", "reloaded", "reloading", "reloaded"]);
  assert.match(reload.status, /can't be read again: no registry/);

  writeFileSync(file, '[log]\nlevel = "loud"\n');
  await reload.again();
  assert.match(reload.status, /can't be read again: .*log\.level must be one of/s);
  assert.match(String(lines.at(-1)?.err), /log\.level must be one of/);
  assert.equal(log.level, "debug");

  writeFileSync(file, "");
  await reload.again();
  assert.deepEqual([reload.status, log.level], ["", "info"]);
});
