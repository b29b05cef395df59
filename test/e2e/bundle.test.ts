import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Script } from "node:vm";
import { bundleCommand } from "../../packaging/install/bundle.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
let scratch: string;
let bundle: string;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "berth-bundle-"));
  bundle = join(scratch, "command");
  await bundleCommand(bundle, root, true);
});
after(() => rmSync(scratch, { recursive: true }));

async function said(entry: string, ...args: string[]): Promise<string> {
  const options = ["--disable-warning=ExperimentalWarning", entry, ...args];
  return (await run(process.execPath, options, { env: { ...process.env, FORCE_COLOR: "" } })).stdout;
}

test("the bundle says what the sources say, and finds its files", async () => {
  const entry = join(bundle, "start.cjs");
  for (const args of [["--help"], ["version", "--client", "-o", "json"], ["config", "show"]]) {
    assert.equal(await said(entry, ...args), await said(join(root, "bin/berth.ts"), ...args));
  }
});

test("V8 takes the compiled code that lies beside it", () => {
  const source = readFileSync(join(bundle, "command.cjs"), "latin1");
  const cachedData = readFileSync(join(bundle, "command.compiled"));
  const script = new Script(`(function (module, exports, require, moduleUrl, moduleFile) {${source}\n})`, {
    cachedData,
  });
  assert.equal(script.cachedDataRejected, false);
});

test("once a source has changed, the sources are run", async () => {
  const entry = join(bundle, "start.cjs");
  rmSync(join(bundle, "command.cjs"));
  await assert.rejects(said(entry, "version", "--client"), /ENOENT.*command\.cjs/);
  const text = readFileSync(entry, "utf8");
  const changed = text.replace(/("src\/cli\/main\.ts", )[\d.]+/, "$1 1");
  assert.notEqual(changed, text);
  writeFileSync(entry, changed);
  assert.match(await said(entry, "version", "--client"), /^berth \d/);
});
