import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { handlerSettings } from "./handler-settings.ts";
import { loadConfig } from "./load.ts";
import { waitForRestart } from "./reloadable.ts";

test("what a running daemon does not take over is named, added and removed settings, too", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-reload-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "config.toml");
  const read = (text: string) => {
    writeFileSync(file, text);
    return loadConfig({ config: file }, {}).config;
  };
  const running = read('[runtime.handlers.old]\nbinary = "crun"\n');
  assert.deepEqual(waitForRestart(running, running), []);
  const changed = read(
    'state = "/run/other"\n[log]\nlevel = "debug"\n[image]\npinned = ["a"]\nsnapshotter = "native"\n' +
      '[registry]\nblocked = ["x"]\naliases = { a = "b/c" }\nmaxConcurrentLayers = 3\n' +
      '[runtime.handlers.new]\nbinary = "crun"\n',
  );
  const handler = (name: string) =>
    Object.entries(handlerSettings({}, name)).flatMap(([key, value]) =>
      isDeepStrictEqual(value, {}) ? [] : [`runtime.handlers.${name}.${key}`],
    );
  assert.deepEqual(
    new Set(waitForRestart(running, changed)),
    new Set([
      ...["state", "grpc.socket", "image.snapshotter", "registry.maxConcurrentLayers"],
      ...handler("old"),
      ...handler("new"),
    ]),
  );
});
