import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DaemonCalls } from "./daemon.ts";
import { containerStatus, eventually, type MadePod } from "./pods.ts";

const shims = new URL("../shim-recording/", import.meta.url);

/** How a shim makes sandboxes, and what of it is known to the tests. */
interface ShimKind {
  /** The variables that name a real one begin with this. */
  readonly variable: string;
  /** Its handler's type, unless said. */
  readonly type: string;
  /** What such a shim said in the first of the tests. */
  readonly recording: string;
  /** More of the handler's table. */
  readonly settings: string;
}

/** By a container before the others: the shim of Kata 4.1, its virtual machine run by QEMU. */
export const sandboxContainerShim: ShimKind = {
  variable: "BERTH_TEST_SANDBOX_SHIM",
  type: "io.containerd.kata.v2",
  recording: "kata.jsonl",
  settings: "",
};

/** By the sandbox API: the shim of containerd 1.7 for runc, whose sandbox is nothing but the shim. */
export const sandboxApiShim: ShimKind = {
  variable: "BERTH_TEST_SANDBOX_API_SHIM",
  type: "io.containerd.sandboxed.v1",
  recording: "sandbox-api.jsonl",
  settings: 'sandboxer = "shim"\n',
};

/** Where Kata has a directory for each sandbox, for its machine, and for what it shares with that. */
const katas = ["/run/vc/sbs", "/run/vc/vm", "/run/kata-containers/shared/sandboxes"];

/** A runtime handler whose shim runs each pod in a sandbox. */
export interface TriedShim {
  /** What it is in the daemon's configuration, under the name "sandboxed". */
  readonly config: string;
  /** No sandbox runs: what a shim said once is played. */
  readonly isPlayed: boolean;
  /** What there is on the shim's own books of a pod's sandbox. */
  booksOf(podId: string): string[];
  close(): void;
}

/**
 * A recording of a shim that is played. Or a real one: BERTH_TEST_SANDBOX_SHIM (an absolute path), BERTH_TEST_SANDBOX_SHIM_TYPE
 * (its handler's type, unless it is the usual one), BERTH_TEST_SANDBOX_SHIM_CONFIG (its configuration's file); with
 * BERTH_TEST_SANDBOX_SHIM_RECORD it is recorded there. The same with BERTH_TEST_SANDBOX_API_SHIM.
 */
export function triedShim({ variable, type: usualType, recording, settings }: ShimKind): TriedShim {
  const told = (suffix = "") => process.env[`${variable}${suffix}`];
  const [shim, type = usualType, configuration] = [told(), told("_TYPE"), told("_CONFIG")];
  const record = told("_RECORD");
  const directory = mkdtempSync(join(tmpdir(), "berth-shim-"));
  const close = () => rmSync(directory, { recursive: true });
  const program = (script: string, ...args: string[]) => {
    const path = join(directory, script);
    const command = [process.execPath, fileURLToPath(new URL(`${script}.ts`, shims)), ...args];
    const version = '[ "$1" = -v ] && { echo of a test; exit; }';
    writeFileSync(path, `#!/bin/sh\n${version}\nexec ${command.join(" ")} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const table = (named: string, runtimePath: string, options = "") =>
    `[runtime.handlers.sandboxed]\ntype = "${named}"\nruntimePath = "${runtimePath}"\n${settings}${options}`;
  const booksIn = (directories: readonly string[]) => (podId: string) =>
    directories.map((parent) => join(parent, podId)).filter((path) => existsSync(path));
  if (shim === undefined) {
    const recorded = fileURLToPath(new URL(recording, shims));
    const played = table(usualType, program("play", recorded, directory));
    return { config: played, isPlayed: true, booksOf: booksIn([directory]), close };
  }
  const runtimePath = record === undefined ? shim : program("record", shim, record);
  const options = configuration === undefined ? "" : `options = { ConfigPath = "${configuration}" }\n`;
  return { config: table(type, runtimePath, options), isPlayed: false, booksOf: booksIn(katas), close };
}

/** The process of a pod's shim. */
export function shimOf(pod: MadePod, { workspace }: DaemonCalls): number {
  return JSON.parse(readFileSync(join(workspace.state, "shims", pod.id, "shim.json"), "utf8")).process.pid;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Of a daemon that was killed, pid 1 has a sandbox's process, and reaps it when it comes to that. */
export async function gone(pid: number): Promise<void> {
  await eventually(`process ${pid} to be gone`, 30_000, async () => !isAlive(pid) || undefined);
}

/** Waits until a container has said something. */
export async function logHas(id: string, text: string, daemon: DaemonCalls): Promise<void> {
  await eventually(`"${text}" in the log`, 30_000, async () => {
    const { logPath } = await containerStatus(daemon, id);
    return readFileSync(logPath, "utf8").includes(text) || undefined;
  });
}
