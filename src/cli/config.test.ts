import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../config/load.ts";

const berth = fileURLToPath(new URL("../../bin/berth", import.meta.url));
let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-config-"));
});
after(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(berth, ["config", ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

test("config default prints the packaged file, which changes nothing and, uncommented, sets every default", async () => {
  const { code, stdout } = await run(["default"]);
  assert.equal(code, 0);
  assert.equal(stdout, readFileSync(new URL("../../packaging/config.toml", import.meta.url), "utf8"));
  const defaults = loadConfig({ config: file("none/config.toml", "") }, {});
  const asItIs = loadConfig({ config: file("as-it-is/config.toml", stdout) }, {});
  assert.deepEqual(asItIs, { ...defaults, files: asItIs.files });
  const set = stdout.replaceAll(/^#(?=[a-zA-Z[\]]| {2})/gm, "");
  const path = file("set/config.toml", set);
  const loaded = loadConfig({ config: path }, {});
  assert.deepEqual(loaded.config, defaults.config);
  assert.deepEqual(new Set(loaded.origins.values()), new Set([path]));
});

test("config show: every setting with where it came from, as a table, JSON, YAML and a file that sets the same", async () => {
  const main = file(
    "shown/config.toml",
    'root = "/srv/a\\"b"\n[runtime.handlers."my.kata"]\nbinary = "/opt/kata"\n',
  );
  const dropIn = file("shown/config.d/10.toml", '[network]\nbinDirs = ["/x", "/y"]\naddDeadline = "90s"\n');
  const env = { BERTH_LOG_LEVEL: "debug", BERTH_CONFIG: main };
  const [shown, json, yaml, toml] = await Promise.all(
    ["table", "json", "yaml", "toml"].map((format) => run(["show", "-o", format], env)),
  );
  assert.match(shown?.stdout ?? "", new RegExp(`^network\\.addDeadline\\s+${dropIn}\\s+90000$`, "m"));
  assert.match(shown?.stdout ?? "", /^log\.level\s+BERTH_LOG_LEVEL\s+"debug"$/m);
  assert.match(shown?.stdout ?? "", /^network\.confDir\s+default\s+"\/etc\/cni\/net\.d"$/m);
  const expected = loadConfig({}, env);
  const parsed = JSON.parse(json?.stdout ?? "");
  assert.deepEqual(parsed.config, expected.config);
  assert.deepEqual(parsed.origins, Object.fromEntries(expected.origins));
  assert.deepEqual(parsed.files, [main, dropIn]);
  assert.match(yaml?.stdout ?? "", /^ {2}log:\n {4}level: debug$/m);
  assert.match(toml?.stdout ?? "", new RegExp(`^addDeadline = 90000 # ${dropIn}$`, "m"));
  const again = loadConfig({ config: file("again/config.toml", toml?.stdout ?? "") }, {});
  assert.deepEqual(again.config, expected.config);
});

test("an unknown setting is refused with the nearest known one, by every command that reads the settings", async () => {
  const config = file("wrong/config.toml", '[log]\nlevl = "info"\n');
  const { code, stdout, stderr } = await run(["show", "--config", config]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^berth: the configuration has mistakes:\n/);
  assert.match(stderr, /there is no setting log\.levl; did you mean log\.level\?/);
});
