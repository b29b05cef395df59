import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { RuntimeServiceService } from "../../src/wire/gen/runtime.v1.ts";
import { connect } from "../../src/wire/grpc/client.ts";
import { removeWorkspace, sweepScript, type Workspace } from "../../test/harness/workspace.ts";

const startDeadlineMs = 30_000;
const stopDeadlineMs = 10_000;
const needed = ["RuntimeReady", "NetworkReady"];

/** A daemon that was started here. */
export interface StartedProcess {
  readonly pid: number;
  /** Ends it, what it started, and its workspace. */
  close(): Promise<void>;
}

/** Starts a daemon in its workspace and waits until it answers on `socket`. */
export async function startProcess(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  socket: string,
  workspace: Workspace,
): Promise<StartedProcess> {
  const logFile = join(workspace.directory, "daemon.log");
  const log = openSync(logFile, "a");
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", log, log], env: { ...process.env, ...env } });
  closeSync(log);
  const close = async () => {
    await end(child);
    spawnSync("sh", ["-c", sweepScript(workspace)], { stdio: "ignore" });
    removeWorkspace(workspace);
  };
  try {
    await untilAnswers(child, socket);
  } catch (error) {
    const said = readFileSync(logFile, "utf8").split("\n").slice(-20).join("\n");
    await close();
    throw new Error(`${command.join(" ")} does not answer: ${said}`, { cause: error });
  }
  return { pid: child.pid ?? 0, close };
}

/** The pod service, not only the socket: containerd's answers before its plugins do. */
async function untilAnswers(child: ChildProcess, socket: string): Promise<void> {
  const until = Date.now() + startDeadlineMs;
  for (;;) {
    const connection = connect(socket);
    try {
      const { status } = await connection
        .calls(RuntimeServiceService)
        .status({ verbose: false }, { timeout: 2000 });
      if (needed.every((type) => status?.conditions.some((each) => each.type === type && each.status)))
        return;
      if (Date.now() > until) throw new Error(`not ready: ${JSON.stringify(status?.conditions)}`);
    } catch (error) {
      if (child.exitCode !== null || Date.now() > until) throw error;
    } finally {
      connection.close();
    }
    await sleep(50);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  await gone;
  clearTimeout(timer);
}
