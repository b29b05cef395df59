import { setTimeout as sleep } from "node:timers/promises";
import { deadlineIn, throwIfEnded, waitFor } from "../../base/deadline.ts";
import { Fault, isFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import { OutputPipe } from "../../linux/output-pipe.ts";
import { Pipe } from "../../linux/pipe.ts";
import type { ExecRequest, ExecResult } from "../contract.ts";
import { ShimCommand } from "./command.ts";
import { pathOfEnd } from "./end-path.ts";
import type { ShimParts } from "./parts.ts";

/** How long output is waited for once the command has ended and something that it left running holds the pipe. */
const drainMs: Ms = 250;
/** What prints much is read as it comes after so long. */
const readAfterMs: Ms = 10;

/** Runs a command in a container to its end. What the command leaves in the background doesn't hold it up. */
export async function execByShim(
  request: ExecRequest,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<ExecResult> {
  using limit = request.timeout === undefined ? undefined : deadlineIn(request.timeout, signal);
  const ending = limit?.signal ?? signal;
  const command = await ShimCommand.open({ ...request, tty: false }, parts, ending);
  try {
    const result = await run(command, request, ending);
    await command.release();
    return result;
  } catch (error) {
    await command.kill();
    const late = ending.aborted && !signal.aborted;
    const doing = `running ${request.command[0]} in container ${request.id}`;
    if (late) {
      const message = isFault(error, "unavailable")
        ? `${doing}: not started after ${request.timeout} ms`
        : `${doing}: not done after ${request.timeout} ms, so it was killed with all it started`;
      throw new Fault("deadline", message, { cause: error });
    }
    throwIfEnded(signal, doing);
    throw error;
  }
}

async function run(
  command: ShimCommand,
  { maxOutput }: ExecRequest,
  ending: AbortSignal,
): Promise<ExecResult> {
  using output = new Pipe();
  using errors = new Pipe();
  const paths = { stdin: "", stdout: pathOfEnd(output.write), stderr: pathOfEnd(errors.write) };
  const { ended } = await command.start(paths, ending);
  for (const pipe of [output, errors]) pipe.close("write"); // the shim has its own
  const stdout = new OutputPipe(output.release("read"), maxOutput, readAfterMs);
  const stderr = new OutputPipe(errors.release("read"), maxOutput, readAfterMs);
  try {
    const exitCode = await waitFor(ended, ending, "running the command");
    await Promise.race([
      Promise.all([stdout.ended, stderr.ended]),
      sleep(drainMs, undefined, { ref: false }),
    ]);
    const truncated = () => stdout.truncated || stderr.truncated;
    return { exitCode, stdout: stdout.finish(), stderr: stderr.finish(), truncated: truncated() };
  } finally {
    stdout.finish();
    stderr.finish();
  }
}
