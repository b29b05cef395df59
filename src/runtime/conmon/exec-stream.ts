import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { waitFor } from "../../base/deadline.ts";
import type { Bytes } from "../../base/units.ts";
import { ConsoleSocket } from "../../linux/console-socket.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import type { Stdio } from "../../linux/launcher.ts";
import { Pipe } from "../../linux/pipe.ts";
import { openTerminal } from "../../linux/terminal.ts";
import type { StreamedProcess, StreamRequest } from "../contract.ts";
import { ExecCommand, exitCodeOf } from "./exec-command.ts";
import type { ConmonParts } from "./parts.ts";

/** What a command's pipe holds: with more than the usual 64 KiB, its two ends wait for one another less often. */
const pipeBytes: Bytes = 256 << 10;

/** Starts a command in a container, its stdio in the caller's hands. */
export async function execStream(
  request: StreamRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<StreamedProcess> {
  using starting = new DisposableStack();
  const command = starting.use(new ExecCommand(request, request.tty, parts));
  const log = `${command.name}.log`;
  starting.defer(() => rmSync(log, { force: true }));
  try {
    const streams = request.tty
      ? await onTerminal(command, log, parts, signal)
      : await onPipes(command, log, request, parts, signal);
    const files = starting.move();
    let state: "running" | "killed" | "over" = "running";
    const exited = streams.ended.then(async (exit) => {
      const isKilled = state === "killed";
      state = "over"; // its pid may be another's from now on
      // what a killed one started falls with it, and must not be let go
      if (!isKilled) await command.release();
      files.dispose();
      return exitCodeOf(exit);
    });
    exited.catch(() => undefined); // told to whoever asks
    return {
      ...streams,
      exited,
      async kill() {
        if (state !== "running") return;
        state = "killed";
        killIfThere(streams.pid);
        await command.kill();
      },
    };
  } catch (error) {
    await command.kill();
    throw error;
  }
}

type Streams = Omit<StreamedProcess, "exited" | "kill"> & ReturnType<ExecCommand["adopt"]>;

/** Real pipes, so that `echo > /dev/stdout` works; what is not wanted is /dev/null. */
async function onPipes(
  command: ExecCommand,
  log: string,
  request: StreamRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<Streams> {
  using ends = new DisposableStack();
  const nowhere = ends.adopt(openSync("/dev/null", "w"), closeSync);
  const pipe = (wanted: boolean) => {
    if (!wanted) return undefined;
    const made = ends.use(new Pipe());
    made.widen(pipeBytes);
    return made;
  };
  const [stdin, stdout, stderr] = [pipe(request.stdin), pipe(request.stdout), pipe(request.stderr)];
  for (const end of [stdin, stdout, stderr]) end?.give(command.stdioOwner);
  const stdio: Stdio = {
    stdin: stdin?.read,
    stdout: stdout?.write ?? nowhere,
    stderr: stderr?.write ?? nowhere,
  };
  const adopted = await startOn(command, { log }, stdio, parts, signal);
  const from = (end: Pipe | undefined) =>
    end && new Socket({ fd: end.release("read"), readable: true, writable: false });
  return {
    ...adopted,
    stdin: stdin && new Socket({ fd: stdin.release("write"), readable: false, writable: true }),
    stdout: from(stdout),
    stderr: from(stderr),
    resize: () => undefined,
  };
}

async function onTerminal(
  command: ExecCommand,
  log: string,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<Streams> {
  // not beside the command's other files: a socket's path is short
  using console = new ConsoleSocket(join(parts.paths.scratch, `${randomBytes(6).toString("hex")}.tty`));
  using nowhere = new DisposableStack();
  const fd = nowhere.adopt(openSync("/dev/null", "r+"), closeSync);
  const options = { log, consoleSocket: console.path };
  const adopted = await startOn(command, options, { stdin: fd, stdout: fd, stderr: fd }, parts, signal);
  const terminal = openTerminal(console.receive());
  return {
    ...adopted,
    stdin: terminal.input,
    stdout: terminal.output,
    stderr: undefined,
    resize: (size) => terminal.resize(size),
  };
}

/** Runs the runtime, which starts the command. @throws {Fault} with what the runtime says */
async function startOn(
  command: ExecCommand,
  options: { log: string; consoleSocket?: string },
  stdio: Stdio,
  { host }: ConmonParts,
  signal: AbortSignal,
): Promise<ReturnType<ExecCommand["adopt"]>> {
  const launched = await host.launcher.launchOnto(command.launch(options), stdio, signal);
  try {
    const runtime = await waitFor(launched.exited, signal, `starting ${command.request.command[0]}`);
    if (runtime.code !== 0) throw command.refusal(runtime, wordsIn(options.log));
    return command.adopt();
  } catch (error) {
    if (signal.aborted) await command.settleStart(launched);
    killIfThere(launched.pid);
    throw error;
  } finally {
    launched[Symbol.dispose]();
  }
}

function wordsIn(log: string): Uint8Array {
  try {
    return readFileSync(log);
  } catch {
    return new Uint8Array();
  }
}
