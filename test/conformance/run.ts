/**
 * Runs critest against a daemon with directories and a network of its own for each runtime handler, the image hosts led to a
 * local registry, and looks afterwards for what the pods left on the host. Settings come from the environment, see
 * `docs/conformance.md`.
 */
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../../src/registry/testing/docker-registry.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { eventually, removeAllPods } from "../harness/pods.ts";
import { quietly } from "../harness/workspace.ts";

/** The public hosts that critest's images are named after. */
const imageHosts = ["registry.k8s.io", "k8s.gcr.io", "gcr.io", "public.ecr.aws"];

const [critest = ""] = process.argv.slice(2);
const { REGISTRY, REGISTRY_DATA, RUNTIME, HANDLERS, DRIVER, LOG } = process.env;
const drivers = ["cgroupfs", "systemd"] as const;

await using ownRegistry = REGISTRY_DATA ? await startRegistry({ storage: REGISTRY_DATA }) : undefined;
const registry = ownRegistry?.host ?? REGISTRY ?? "";
if (LOG) writeFileSync(LOG, "");
const driver = oneOf("DRIVER", drivers, DRIVER || "cgroupfs");
const handlers = readFileSync(HANDLERS || join(import.meta.dirname, "handlers.toml"), "utf8");
for (const runtime of RUNTIME ? [RUNTIME] : ["runc", "crun"]) {
  const code = await runWith(runtime);
  if (code !== 0) process.exitCode = code;
}

function oneOf<T extends string>(name: string, allowed: readonly T[], asked: string): T {
  const found = allowed.find((one) => one === asked);
  if (found === undefined) throw new Error(`${name} is "${asked}": it may be ${allowed.join(" or ")}`);
  return found;
}

async function runWith(runtime: string): Promise<number> {
  process.stdout.write(`\n=== critest with ${runtime}, cgroup driver ${driver} ===\n`);
  const daemon = await TestDaemon.start({ runtime, cgroupDriver: driver, extraConfig: handlers });
  // Not in the workspace: that one is removed whatever it holds, and a test that fails may leave /etc mounted here.
  const temporary = mkdtempSync("/tmp/berth-critest-");
  try {
    await assertWorks(daemon, runtime);
    for (const host of imageHosts) mirror(daemon, host);
    const code = await runCritest(daemon, temporary);
    await removeLeftPods(daemon);
    await assertNoLeaks(daemon);
    if (driver === "systemd") await assertEmpty("/sys/fs/cgroup/test.slice");
    process.stdout.write("conformance: the pods left nothing on the host\n");
    return code;
  } finally {
    if (LOG) appendFileSync(LOG, readFileSync(daemon.logFile));
    await daemon.close();
    removeIfEmpty(temporary);
  }
}

/** In the place of a default that can't work, the daemon would take another: critest would pass with that. */
async function assertWorks(daemon: TestDaemon, runtime: string): Promise<void> {
  const { runtimeHandlers } = await daemon.pods.status({ verbose: false });
  if (runtimeHandlers.some(({ name }) => name === runtime)) return;
  const { stdout } = await daemon.command("doctor", "runtimes");
  throw new Error(`${runtime} can't work here:\n${stdout}`);
}

/** critest doesn't remove the pod of each spec that fails. */
async function removeLeftPods(daemon: TestDaemon): Promise<void> {
  const { items } = await daemon.pods.listPodSandbox({});
  for (const { metadata } of items) process.stdout.write(`conformance: critest left pod ${metadata?.name}\n`);
  await removeAllPods(daemon);
}

/** critest's pods have a parent of its own with systemd, which ends a scope in its own time once it is empty. */
async function assertEmpty(slice: string): Promise<void> {
  const below = () => readdirSync(slice, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  await eventually(`an empty ${slice}`, 10_000, async () =>
    !existsSync(slice) || below().length === 0 ? true : undefined,
  );
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
    // Its hour is too short for a guest under emulation.
    "--ginkgo.timeout=6h",
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
