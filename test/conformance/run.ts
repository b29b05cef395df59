/**
 * Runs critest against a daemon with directories and a network of its own for each OCI runtime, the image hosts led to a
 * local registry, and looks afterwards for what the pods left on the host. Settings come from the environment, see
 * `docs/conformance.md`.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { quietly } from "../harness/workspace.ts";

/** The public hosts that critest's images are named after. */
const imageHosts = ["registry.k8s.io", "k8s.gcr.io", "gcr.io", "public.ecr.aws"];

const [critest = ""] = process.argv.slice(2);
const registry = process.env.REGISTRY || "127.0.0.1:5000";

for (const runtime of runtimesOf(process.env.RUNTIME)) {
  const code = await runWith(runtime);
  if (code !== 0) process.exitCode = code;
}

function runtimesOf(asked = ""): readonly ("runc" | "crun")[] {
  if (asked === "") return ["runc", "crun"];
  if (asked === "runc" || asked === "crun") return [asked];
  throw new Error(`RUNTIME is "${asked}": it may be runc or crun, or left out for both`);
}

async function runWith(runtime: "runc" | "crun"): Promise<number> {
  process.stdout.write(`\n=== critest with ${runtime} ===\n`);
  const daemon = await TestDaemon.start({ runtime });
  // Not in the workspace: that one is removed whatever it holds, and a test that fails may leave /etc mounted here.
  const temporary = mkdtempSync("/tmp/berth-critest-");
  try {
    for (const host of imageHosts) mirror(daemon, host);
    const code = await runCritest(daemon, temporary);
    await assertNoLeaks(daemon);
    process.stdout.write("conformance: the pods left nothing on the host\n");
    return code;
  } finally {
    await daemon.close();
    removeIfEmpty(temporary);
  }
}

function mirror(daemon: TestDaemon, host: string): void {
  const directory = join(daemon.workspace.certsDir, host);
  mkdirSync(directory);
  const mirrored = `[host."http://${registry}"]\ncapabilities = ["pull", "resolve"]\n`;
  writeFileSync(join(directory, "hosts.toml"), `server = "https://${host}"\n\n${mirrored}`);
}

/** Where the daemon runs: tests of mount propagation look at the same mounts as it does. @returns the exit code */
function runCritest(daemon: TestDaemon, temporary: string): Promise<number> {
  const endpoint = `unix://${daemon.workspace.socket}`;
  const { IMAGES, FOCUS, SKIP, PARALLEL } = process.env;
  const [program = "", ...args] = daemon.within([
    critest,
    ...(PARALLEL ? [`-parallel=${PARALLEL}`] : []),
    `--runtime-endpoint=${endpoint}`,
    `--image-endpoint=${endpoint}`,
    "--ginkgo.no-color",
    ...(IMAGES ? [`--test-images-file=${IMAGES}`] : []),
    ...(FOCUS ? [`--ginkgo.focus=${FOCUS}`] : []),
    ...(SKIP ? [`--ginkgo.skip=${SKIP}`] : []),
  ]);
  const env = { ...process.env, TMPDIR: temporary };
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], env });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** critest leaves empty directories behind when it runs in parallel. What holds something stays, to be looked at. */
function removeIfEmpty(directory: string): void {
  for (const name of readdirSync(directory)) quietly("rmdir", [join(directory, name)]);
  if (readdirSync(directory).length === 0) rmdirSync(directory);
  else process.stderr.write(`conformance: critest left something in ${directory}\n`);
}
