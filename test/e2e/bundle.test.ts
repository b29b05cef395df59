import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Script } from "node:vm";
import { bundleCommand, bundleDaemon } from "../../packaging/install/bundle.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { privileged } from "../harness/privileged.ts";

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

test("a command that asks the daemon loads nothing that is slow to load", async () => {
  const told = join(scratch, "told.cjs");
  writeFileSync(
    told,
    'process.on("exit", () => require("fs").writeSync(1, JSON.stringify(process.moduleLoadList)))',
  );
  const args = ["--require", told, join(bundle, "start.cjs"), "ps", "--endpoint", "/no/such.sock"];
  const { stdout } = await run(process.execPath, args).catch((error) => error);
  const loaded = new Set<string>(JSON.parse(stdout));
  assert.ok(loaded.has("NativeModule net"));
  for (const slow of ["http", "https", "http2", "tls", "crypto", "child_process", "worker_threads", "zlib"])
    assert.ok(!loaded.has(`NativeModule ${slow}`), `node:${slow} is loaded`);
});

test("an installed tree runs pods, of its bundles alone", privileged, async () => {
  const tree = join(scratch, "usr/lib/berth/releases/one");
  mkdirSync(join(tree, "bin"), { recursive: true });
  writeFileSync(join(scratch, "usr/lib/berth/release"), "one\n");
  for (const file of ["bin/berth", "package.json"]) copyFileSync(join(root, file), join(tree, file));
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  await Promise.all([
    bundleDaemon(join(tree, ".berth/daemon")),
    bundleCommand(join(tree, ".berth/command"), tree, false),
  ]);
  const daemonText = readFileSync(join(tree, ".berth/daemon/serve.js"), "utf8");
  assert.doesNotMatch(daemonText, /\P{ASCII}/u, "or it takes twice the memory");
  assert.doesNotMatch(daemonText, /from ?"node:http"/, "or it loads a browser's client");
  mkdirSync(join(scratch, "usr/bin"));
  copyFileSync(join(root, "bin/berth"), join(scratch, "usr/bin/berth"));
  for (const directory of ["policies", "registries.d"]) mkdirSync(join(scratch, directory));
  const extraConfig = `[policy]\nnamespaceDirectory = "${scratch}/policies"\nregistriesDirectory = "${scratch}/registries.d"\n`;
  const command = join(scratch, "usr/bin/berth");
  const daemon = await TestDaemon.start({ runtime: "crun", command, extraConfig });
  try {
    await importBusybox(daemon);
    const ran = await daemon.command("run", "--rm", busyboxImage, "cat", "/www/index.html");
    assert.deepEqual(ran, { code: 0, stdout: "hello from berth\n", stderr: "" });
    // What is loaded late, packages in CommonJS with it.
    const yaml = `default-docker: { lookaside: "file://${scratch}/signatures" }\n`;
    writeFileSync(join(scratch, "registries.d/default.yaml"), yaml);
    const signed = { type: "signedBy", keyType: "GPGKeys", keyData: "YQ==" };
    writeFileSync(join(scratch, "policies/default.json"), JSON.stringify({ default: [signed] }));
    const refused = await daemon.command("run", "--rm", busyboxImage, "true");
    const places = `looked at ${scratch}/signatures/busybox@sha256=`;
    assert.ok(refused.stderr.includes(places), refused.stderr);
    // serve.js, of which the command runs the daemon where other options come first.
    const second = await daemon.inside(
      join(tree, "bin/berth"),
      "--config",
      daemon.workspace.configFile,
      "serve",
    );
    assert.match(second.stderr, /another/);
  } finally {
    await daemon.close();
  }
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
