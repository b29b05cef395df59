import { closeSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import { isAbsolute } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { waitOutside } from "../base/outside-time.ts";
import { type ChildExit, ChildExits } from "./child-exits.ts";
import type { Command, Finished, Processes } from "./contract.ts";
import { errnoOf } from "./libc.ts";
import { OutputPipe } from "./output-pipe.ts";
import { unshield } from "./own-oom-score.ts";
import { closeOnExecPipe, posixSpawnAsync, setNonBlocking } from "./posix-spawn.ts";
import { MissingProgram, programFault } from "./program-fault.ts";
import { programPath } from "./program-path.ts";
import { Turns } from "./turns.ts";

/** A spawn holds a thread of the pool for a millisecond; the pool's other two stay free for files. */
const spawnsAtOnce = 2;
/** Programs that run to their end print little, and at their end. */
const readAfterMs = 100;
/** How long an aborted run waits for the killed process to be gone, so that what it used is free. */
const killedWithinMs = 500;

/** Starts programs by posix_spawn (docs/decisions/0010). For the main thread, where SIGCHLD arrives. */
export function hostProcesses(): Processes {
  const exits = new ChildExits();
  const turns = new Turns(spawnsAtOnce);
  return { run: (command, signal) => run(command, signal, exits, turns) };
}

async function run(
  command: Command,
  signal: AbortSignal,
  exits: ChildExits,
  turns: Turns,
): Promise<Finished> {
  throwIfEnded(signal, command.path);
  checkStrings(command);
  const file = await findProgram(command);
  const child = await turns.take(() => start(command, file, signal));
  const exited = exits.wait(child.pid);
  const ended = await waitOutside(endOf(exited, child.pid, signal));
  child.input?.destroy();
  const stdout = child.output.finish();
  const stderr = child.errors.finish();
  if (ended === undefined) {
    throwIfEnded(signal, command.path);
    throw new Fault("internal", `${command.path}: killed though nobody asked for it`);
  }
  const truncated = child.output.truncated || child.errors.truncated;
  return { code: ended.code, signal: ended.signal, stdout, stderr, truncated };
}

/**
 * Undefined when `signal` aborted first: the process group is killed then, and waited for, but not for ever.
 */
async function endOf(
  exited: Promise<ChildExit>,
  pid: number,
  signal: AbortSignal,
): Promise<ChildExit | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => {
    killGroup(pid);
    aborted.resolve(undefined);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const ended = await Promise.race([exited, aborted.promise]);
    if (ended === undefined) await Promise.race([exited, sleep(killedWithinMs, undefined, { ref: false })]);
    return ended;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface Child {
  readonly pid: number;
  readonly input: Socket | undefined;
  readonly output: OutputPipe;
  readonly errors: OutputPipe;
}

async function start(command: Command, file: string, signal: AbortSignal): Promise<Child> {
  throwIfEnded(signal, command.path);
  using childEnds = new DisposableStack();
  using ourEnds = new DisposableStack();
  const pipe = () => {
    const [read, write] = closeOnExecPipe();
    return { read, write };
  };
  const own = (stack: DisposableStack, fd: number) => stack.adopt(fd, closeSync);
  const output = pipe();
  own(ourEnds, output.read);
  own(childEnds, output.write);
  const errors = pipe();
  own(ourEnds, errors.read);
  own(childEnds, errors.write);
  const input = command.stdin === undefined ? undefined : pipe();
  if (input !== undefined) {
    own(ourEnds, input.write);
    own(childEnds, input.read);
  }
  const pid = await spawnOrFault(command, file, {
    stdin: input?.read,
    stdout: output.write,
    stderr: errors.write,
  });
  unshield(pid);
  ourEnds.move();
  return {
    pid,
    input: input === undefined ? undefined : feed(input.write, command.stdin ?? ""),
    output: new OutputPipe(output.read, command.maxOutput, readAfterMs),
    errors: new OutputPipe(errors.read, command.maxOutput, readAfterMs),
  };
}

async function spawnOrFault(
  command: Command,
  file: string,
  fds: { stdin: number | undefined; stdout: number; stderr: number },
): Promise<number> {
  const environment = Object.entries(command.env).map(([name, value]) => `${name}=${value}`);
  try {
    return await posixSpawnAsync({
      file,
      argv: [command.path, ...command.args],
      environment,
      cwd: command.cwd,
      ...fds,
    });
  } catch (error) {
    const { cwd } = command;
    const noDirectory = cwd !== undefined && (await stat(cwd).catch(errnoOf)) === "ENOENT";
    if (noDirectory)
      throw new Fault("notFound", `starting ${command.path}: no directory ${cwd}`, { cause: error });
    throw programFault(command.path, error);
  }
}

/**
 * Writes all of `data`; a program that does not read it to its end is no fault. What the pipe takes at once, most often
 * all of it, needs no stream; undefined then.
 */
function feed(fd: number, data: string | Uint8Array): Socket | undefined {
  const bytes = Buffer.from(data);
  setNonBlocking(fd);
  const written = bytes.length === 0 ? 0 : writeSync(fd, bytes);
  if (written === bytes.length) {
    closeSync(fd);
    return undefined;
  }
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on("error", () => socket.destroy());
  socket.end(bytes.subarray(written));
  return socket;
}

async function findProgram(command: Command): Promise<string> {
  if (isAbsolute(command.path)) return command.path;
  const searched = command.env.PATH ?? "";
  const found = command.path.includes("/") ? undefined : await programPath(command.path, searched);
  if (found !== undefined) return found;
  throw new MissingProgram(command.path, { searched });
}

function checkStrings(command: Command): void {
  const strings = [command.path, ...command.args, ...Object.entries(command.env).flat(), command.cwd ?? ""];
  if (strings.some((text) => text.includes("\0"))) {
    throw new Fault(
      "invalid",
      `starting ${command.path.replaceAll("\0", "")}: an argument or variable holds a NUL byte`,
    );
  }
}

/** The child leads its group; while it is not reaped, neither number can belong to anyone else. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ESRCH: gone already
  }
}
