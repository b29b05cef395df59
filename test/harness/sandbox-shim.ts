import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const shims = new URL("../shim-recording/", import.meta.url);
/** What the shim of Kata 4.1 said in the first of the tests, its virtual machine run by QEMU. */
const recording = fileURLToPath(new URL("kata.jsonl", shims));

/** A runtime handler whose shim runs each pod in a sandbox. */
export interface TriedShim {
  /** What it is in the daemon's configuration, under the name "sandboxed". */
  readonly config: string;
  /** No sandbox runs: what a shim said once is played. */
  readonly isPlayed: boolean;
  close(): void;
}

/**
 * A recording of a shim that is played. Or a real one: BERTH_TEST_SANDBOX_SHIM (an absolute path), BERTH_TEST_SANDBOX_SHIM_TYPE
 * (Kata's, unless said), BERTH_TEST_SANDBOX_SHIM_CONFIG (its configuration's file); with BERTH_TEST_SANDBOX_SHIM_RECORD it is
 * recorded there.
 */
export function triedShim(): TriedShim {
  const {
    BERTH_TEST_SANDBOX_SHIM: shim,
    BERTH_TEST_SANDBOX_SHIM_TYPE: type = "io.containerd.kata.v2",
    BERTH_TEST_SANDBOX_SHIM_CONFIG: configuration,
    BERTH_TEST_SANDBOX_SHIM_RECORD: record,
  } = process.env;
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
    `[runtime.handlers.sandboxed]\ntype = "${named}"\nruntimePath = "${runtimePath}"\n${options}`;
  if (shim === undefined) {
    return { config: table("io.containerd.kata.v2", program("play", recording)), isPlayed: true, close };
  }
  const runtimePath = record === undefined ? shim : program("record", shim, record);
  const options = configuration === undefined ? "" : `options = { ConfigPath = "${configuration}" }\n`;
  return { config: table(type, runtimePath, options), isPlayed: false, close };
}
