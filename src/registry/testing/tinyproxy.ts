import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { missingProgram } from "./docker-registry.ts";

/** Debian's tinyproxy: a forward proxy with a password. */
export interface TestProxy extends AsyncDisposable {
  /** With user and password. */
  readonly url: string;
  /** What it was asked for, as its log has it. */
  log(): string;
}

/** Of loopback, and this process's alone: a port that is free there is taken by nobody else meanwhile. */
const ownAddress = `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

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
    `Port ${port}\nListen ${ownAddress}\nBasicAuth me s3cret-proxy\nLogFile "${logFile}"\nLogLevel Connect\n`,
  );
  const child = spawn("tinyproxy", ["-d", "-c", join(directory, "conf")], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`tinyproxy has ended with ${child.exitCode}`);
    await sleep(25);
  }
  return {
    url: `http://me:s3cret-proxy@${ownAddress}:${port}`,
    log: () => readFileSync(logFile, "utf8"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, ownAddress, () => {
      const at = server.address();
      server.close(() => resolve(typeof at === "object" && at !== null ? at.port : 0));
    });
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, ownAddress);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
