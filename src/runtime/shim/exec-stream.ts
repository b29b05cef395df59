import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bytes } from "../../base/units.ts";
import { Pipe } from "../../linux/pipe.ts";
import type { StreamedProcess, StreamRequest } from "../contract.ts";
import { ShimCommand } from "./command.ts";
import { pathOfEnd } from "./end-path.ts";
import { pipeAt, readsFrom } from "./held-pipes.ts";
import type { ShimParts } from "./parts.ts";

/** What a command's pipe holds: with more than the usual 64 KiB, its two ends wait for one another less often. */
const pipeBytes: Bytes = 256 << 10;

/** Starts a command in a container, its stdio in the caller's hands. */
export async function execStreamByShim(
  request: StreamRequest,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<StreamedProcess> {
  using ends = new DisposableStack();
  const pipe = () => {
    const made = ends.use(new Pipe());
    made.widen(pipeBytes);
    return made;
  };
  const input = request.stdin ? pipe() : undefined;
  // both or none: what is not wanted is read and dropped
  const output = pipe();
  const errors = request.tty ? undefined : pipe();
  const command = await ShimCommand.open(request, parts, signal);
  try {
    const { ended } = await command.start(
      {
        stdin: input === undefined ? "" : pathOfEnd(input.read),
        stdout: pathOfEnd(output.write),
        stderr: errors === undefined ? "" : pathOfEnd(errors.write),
      },
      signal,
    );
    if (input !== undefined) void untilTaken(input.release("read"), command.shimPid, ended);
    const streams = {
      stdin: input && inputOf(input.release("write"), command),
      stdout: outputOf(output, request.stdout),
      stderr: errors && outputOf(errors, request.stderr),
    };
    return { ...streams, ...lifeOf(command, ended) };
  } catch (error) {
    await command.kill();
    throw error;
  }
}

/**
 * Closes this process's reading end once the shim has one: it opens that some time after it has said that the command runs, and what
 * is typed before would find no reader.
 */
async function untilTaken(fd: number, shimPid: number, ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  ended.then(over, over);
  const pipe = pipeAt(pathOfEnd(fd));
  for (let wait = 1; !isOver && !readsFrom(shimPid, pipe); wait = Math.min(wait * 2, 50))
    await sleep(wait, undefined, { ref: false });
  closeSync(fd);
}

function lifeOf(
  command: ShimCommand,
  ended: Promise<number>,
): Pick<StreamedProcess, "resize" | "exited" | "kill"> {
  let state: "running" | "killed" | "over" = "running";
  const exited = ended.then(async (code) => {
    const isKilled = state === "killed";
    state = "over"; // what it left is the container's from now on
    // what a killed one started falls with it, and must not be let go
    if (!isKilled) await command.release();
    return code;
  });
  exited.catch(() => undefined); // told to whoever asks
  return {
    exited,
    resize(size) {
      if (state === "running") void command.resize(size);
    },
    async kill() {
      if (state !== "running") return;
      state = "killed";
      await command.kill();
    },
  };
}

/** Its end is the command's, once the shim lets go of it, too. */
function inputOf(fd: number, command: ShimCommand): Writable {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.once("close", () => void command.closeInput());
  return socket;
}

function outputOf(pipe: Pipe, isWanted: boolean): Socket | undefined {
  const socket = new Socket({ fd: pipe.release("read"), readable: true, writable: false });
  if (isWanted) return socket;
  socket.on("error", () => undefined).resume();
  return undefined;
}
