import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, missingProgram, untilListening } from "./docker-registry.ts";

/** Debian's tinyproxy: a forward proxy with a password. */
export interface TestProxy extends AsyncDisposable {
  /** With user and password. */
  readonly url: string;
  /** What it was asked for, as its log has it. */
  log(): string;
}

/** Why it can't be had here; undefined: it can. */
export function missingProxy(): string | undefined {
  return missingProgram("tinyproxy");
}

export async function startProxy(): Promise<TestProxy> {
  const directory = mkdtempSync(join(tmpdir(), "berth-proxy-"));
  const port = await freePort();
  const logFile = join(directory, "log");
  writeFileSync(
    join(directory, "conf"),
    `Port ${port}\nListen 127.0.0.1\nBasicAuth me s3cret-proxy\nLogFile "${logFile}"\nLogLevel Connect\n`,
  );
  const child = spawn("tinyproxy", ["-d", "-c", join(directory, "conf")], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await untilListening(port);
  return {
    url: `http://me:s3cret-proxy@127.0.0.1:${port}`,
    log: () => readFileSync(logFile, "utf8"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
