/** Runs critest against a daemon with directories and a network of its own, its image hosts led to a local registry. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon } from "../harness/daemon.ts";

/** The public hosts that critest's images are named after. */
const imageHosts = ["registry.k8s.io", "k8s.gcr.io", "gcr.io", "public.ecr.aws"];

const [critest = ""] = process.argv.slice(2);
const registry = process.env.REGISTRY || "127.0.0.1:5000";
const runtime = process.env.RUNTIME === "crun" ? "crun" : "runc";

const daemon = await TestDaemon.start({ runtime });
try {
  for (const host of imageHosts) mirror(host);
  process.exitCode = await run();
} finally {
  await daemon.close();
}

function mirror(host: string): void {
  const directory = join(daemon.workspace.certsDir, host);
  mkdirSync(directory);
  const mirrored = `[host."http://${registry}"]\ncapabilities = ["pull", "resolve"]\n`;
  writeFileSync(join(directory, "hosts.toml"), `server = "https://${host}"\n\n${mirrored}`);
}

function run(): Promise<number> {
  const endpoint = `unix://${daemon.workspace.socket}`;
  const { IMAGES, FOCUS, SKIP } = process.env;
  const args = [
    `--runtime-endpoint=${endpoint}`,
    `--image-endpoint=${endpoint}`,
    "--ginkgo.no-color",
    ...(IMAGES ? [`--test-images-file=${IMAGES}`] : []),
    ...(FOCUS ? [`--ginkgo.focus=${FOCUS}`] : []),
    ...(SKIP ? [`--ginkgo.skip=${SKIP}`] : []),
  ];
  const child = spawn(critest, args, { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
