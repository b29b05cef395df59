import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { deadlineIn, throwIfEnded } from "../../base/deadline.ts";
import { describeFault, Fault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { ChildExit } from "../../linux/child-exits.ts";
import type { Launched } from "../../linux/launcher.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import type { ExecRequest, ExecResult } from "../contract.ts";
import { createExecCgroup, dissolve, type ExecCgroup, gather, killWhole } from "./exec-cgroup.ts";
import type { Handler } from "./handlers.ts";
import { killIfThere, pidIn } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";
import { runtimeFault } from "./runtime-command.ts";

/** How long output is waited for once the command has ended and something that it left running holds the pipe. */
const drainMs: Ms = 250;
/** How long the clean-up after a kill may take. */
const killDeadline: Ms = 10_000;

/** One command on its way: what is made for it, and its timer. */
interface Exec {
  readonly request: ExecRequest;
  readonly handler: Handler;
  readonly cgroup: ExecCgroup | undefined;
  readonly specFile: string;
  readonly pidFile: string;
  /** Aborts on the time-out, or as the caller says. */
  readonly ending: AbortSignal;
}

/**
 * Runs a command in a container by the runtime's detached `exec`, which hands the pipes over and ends: this process is
 * then the command's parent (see adoptOrphans), and learns its exit without a monitor and without the runtime standing
 * in between. What the command leaves in the background doesn't hold it up.
 *
 * Its few small files are read and written at once: they lie in memory, and handing a call over to a thread of the pool
 * takes this thread ten times as long as the call itself.
 */
export async function execSync(
  request: ExecRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<ExecResult> {
  const { bundle } = parts.paths.container(request.id);
  const { process, cgroup: group } = parts.execTemplates.get(request.id);
  const handler = parts.handlers.get(request.handler);
  const name = join(bundle, `exec-${randomBytes(6).toString("hex")}`);
  using limit = request.timeout === undefined ? undefined : deadlineIn(request.timeout, signal);
  const exec: Exec = {
    request,
    handler,
    cgroup:
      group === undefined || handler.kind === "other"
        ? undefined
        : createExecCgroup(group, handler, parts.host.cgroups),
    specFile: `${name}.json`,
    pidFile: `${name}.pid`,
    ending: limit?.signal ?? signal,
  };
  try {
    writeFileSync(exec.specFile, JSON.stringify({ ...process, args: request.command }), { mode: 0o600 });
    const result = await runCommand(exec, bundle, parts);
    if (exec.cgroup !== undefined) await dissolve(exec.cgroup);
    return result;
  } catch (error) {
    await killLeft(exec, parts);
    parts.host.launcher.reapUnclaimed(); // or it would hold up the end of the container's init
    throw error;
  } finally {
    for (const file of [exec.specFile, exec.pidFile]) rmSync(file, { force: true });
  }
}

async function killLeft({ cgroup, request }: Exec, { host }: ConmonParts): Promise<void> {
  if (cgroup === undefined) return;
  try {
    await killWhole(cgroup, host.cgroups, AbortSignal.timeout(killDeadline));
  } catch (error) {
    const err = describeFault(error);
    host.log.error(
      { container: request.id, err },
      "what a command left in its container could not be killed",
    );
  }
}

async function runCommand(exec: Exec, cwd: string, parts: ConmonParts): Promise<ExecResult> {
  const { handler, request, ending, cgroup } = exec;
  using launched = await parts.host.launcher.launch(
    {
      path: handler.path,
      args: [
        ...handler.args,
        "--log-format=json",
        ...["exec", "--detach", "--process", exec.specFile, "--pid-file", exec.pidFile],
        ...(cgroup?.options ?? []),
        request.id,
      ],
      env: handler.env,
      cwd,
      more: [],
      maxOutput: request.maxOutput,
    },
    ending,
  );
  const runtime = await endOf(launched.exited, ending);
  if (runtime === undefined) return abandon(exec, launched.pid);
  if (runtime.code !== 0) throw await failed(exec, runtime, launched, parts);
  const pid = pidIn(exec.pidFile);
  if (pid === undefined) throw new Fault("internal", `${handler.binary} exec: named no process`);
  const ended = parts.host.launcher.orphan(pid);
  if (cgroup !== undefined) gather(cgroup, pid);
  const exit = await endOf(ended, ending);
  if (exit === undefined) return abandon(exec, pid);
  await Promise.race([
    Promise.all([launched.stdout.ended, launched.stderr.ended]),
    sleep(drainMs, undefined, { ref: false }),
  ]);
  return resultOf(exit, launched);
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

/** Kills `pid`, the runtime with its group or the command itself; the rest falls with the cgroup. @throws always */
function abandon({ request, ending }: Exec, pid: number): never {
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

/** The runtime could not start the command: because the container has ended meanwhile, or as the runtime says. */
async function failed(
  { request, handler }: Exec,
  runtime: ChildExit,
  launched: Launched,
  { paths }: ConmonParts,
): Promise<Fault> {
  const init = pidIn(paths.container(request.id).pidFile);
  const said = runtimeFault(handler, "exec", { ...runtime, stderr: launched.stderr.finish() });
  if (init !== undefined && processIdentity(init) !== undefined) return said;
  return new Fault("wrongState", `container ${request.id} is not running`, { cause: said });
}

function resultOf(exit: ChildExit, { stdout, stderr }: Launched): ExecResult {
  const signals: Readonly<Record<string, number>> = constants.signals;
  const number = exit.signal === null ? 0 : (signals[exit.signal] ?? Number(exit.signal.slice("SIG".length)));
  const result = { stdout: stdout.finish(), stderr: stderr.finish() };
  return {
    ...result,
    exitCode: exit.signal === null ? (exit.code ?? 255) : 128 + number,
    truncated: stdout.truncated || stderr.truncated,
  };
}
