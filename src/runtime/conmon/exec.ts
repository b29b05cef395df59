import { setTimeout as sleep } from "node:timers/promises";
import { deadlineIn, throwIfEnded } from "../../base/deadline.ts";
import { Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { ChildExit } from "../../linux/child-exits.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import type { ExecRequest, ExecResult } from "../contract.ts";
import { ExecCommand, exitCodeOf } from "./exec-command.ts";
import type { ConmonParts } from "./parts.ts";

/** How long output is waited for once the command has ended and something that it left running holds the pipe. */
const drainMs: Ms = 250;

/** Runs a command in a container to its end. What the command leaves in the background doesn't hold it up. */
export async function execSync(
  request: ExecRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<ExecResult> {
  using command = new ExecCommand(request, false, parts);
  using limit = request.timeout === undefined ? undefined : deadlineIn(request.timeout, signal);
  try {
    const result = await runCommand(command, request, parts, limit?.signal ?? signal);
    await command.release();
    return result;
  } catch (error) {
    await command.kill();
    throw error;
  }
}

/** @param ending aborts on the time-out, or as the caller says */
async function runCommand(
  command: ExecCommand,
  request: ExecRequest,
  { host }: ConmonParts,
  ending: AbortSignal,
): Promise<ExecResult> {
  using launched = await host.launcher.launch(command.launch(), request.maxOutput, ending);
  const runtime = await endOf(launched.exited, ending);
  if (runtime === undefined) {
    await command.settleStart(launched);
    return abandon(request, launched.pid, ending);
  }
  if (runtime.code !== 0) throw command.refusal(runtime, launched.stderr.finish());
  const { pid, ended } = command.adopt();
  const exit = await endOf(ended, ending);
  if (exit === undefined) return abandon(request, pid, ending);
  const { stdout, stderr } = launched;
  const drained = Promise.all([stdout.ended, stderr.ended]);
  await Promise.race([drained, sleep(drainMs, undefined, { ref: false })]);
  return {
    exitCode: exitCodeOf(exit),
    stdout: stdout.finish(),
    stderr: stderr.finish(),
    truncated: stdout.truncated || stderr.truncated,
  };
}

/** Undefined when `ending` comes first. */
async function endOf(exited: Promise<ChildExit>, ending: AbortSignal): Promise<ChildExit | undefined> {
  const aborted = Promise.withResolvers<undefined>();
  const onAbort = () => aborted.resolve(undefined);
  ending.addEventListener("abort", onAbort, { once: true });
  if (ending.aborted) onAbort();
  try {
    return await Promise.race([exited, aborted.promise]);
  } finally {
    ending.removeEventListener("abort", onAbort);
  }
}

/**
 * Kills `pid`, the runtime with its group or the command itself; the rest falls with the cgroup. Either is a child that is not
 * reaped yet. @throws always
 */
function abandon(request: ExecRequest, pid: number, ending: AbortSignal): never {
  killIfThere(pid);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it leads no group, or is gone
  }
  const doing = `running ${request.command[0]} in container ${request.id}`;
  const late = ending.reason instanceof Error && ending.reason.name === "TimeoutError";
  if (late && request.timeout !== undefined) {
    throw new Fault(
      "deadline",
      `${doing}: not done after ${request.timeout} ms, so it was killed with all it started`,
    );
  }
  throwIfEnded(ending, doing);
  throw new Fault("cancelled", doing);
}
