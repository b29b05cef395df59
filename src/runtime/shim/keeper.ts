import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { endProcesses } from "../../linux/end-processes.ts";
import { killIfSame } from "../../linux/kill-if-there.ts";
import { argsOf, processesBy } from "../../linux/process-args.ts";
import { type ProcessStart, processIdentity } from "../../linux/process-identity.ts";
import { confineMonitor } from "../confine-monitor.ts";
import { reportOfMonitor } from "../conmon/launch-monitor.ts";
import { monitorEnvironment, pidIn } from "../conmon/monitors.ts";
import type { CreateRequest } from "../contract.ts";
import type { RuntimeHost } from "../host.ts";
import { pipeAt, writesToAny } from "./held-pipes.ts";

/** How long a shim may take to pass on what a container wrote before it ended. */
const passOnMs: Ms = 2000;

/**
 * What conmon takes for the container: a process that does nothing but hold the other ends of its pipes. Its input is said by
 * name, as the shell would give it /dev/null.
 */
const holder = 'exec 3<&0; sleep infinity <&3 3<&- & echo $! >"$4"';

export interface KeeperParts {
  readonly host: RuntimeHost;
  readonly paths: Paths;
  /** What keeps a container's output, absolute. */
  readonly conmon: string;
  /** Where that may run; empty: everywhere. */
  readonly monitorCpus: string;
  /** PATH of what is started. */
  readonly path: string;
}

/** Where a shim finds the ends of the pipes that it is to use as the container's stdio. */
export interface KeptStdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts what keeps the output of a container under a shim: a conmon, which writes its log, opens that anew, and takes in who is
 * attached, whether the daemon lives or not. Shims write to FIFOs and leave the rest to their daemon; those FIFOs are this
 * conmon's pipes.
 *
 * @throws {Fault} internal with what conmon said
 */
export async function startKeeper(
  request: CreateRequest,
  { host, paths, conmon, monitorCpus, path }: KeeperParts,
  signal: AbortSignal,
): Promise<KeptStdio> {
  const { id, bundle, logPath } = request;
  const { keeper, monitorPidFile } = paths.container(id);
  mkdirSync(keeper, { recursive: true, mode: 0o700 });
  const command = [
    conmon,
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", request.name],
    ...["--runtime", "/bin/sh", "--runtime-arg=-c", `--runtime-arg=${holder}`],
    ...["--bundle", bundle, "--container-pidfile", holderFile(id, paths), "--conmon-pidfile", monitorPidFile],
    ...["--log-path", logPath === undefined ? "off" : `k8s-file:${logPath}`, "--log-size-max", "-1"],
    ...["--exit-dir", keeper, "--full-attach", "--log-level", "warn", "--no-sync-log"],
    ...(request.stdin ? ["--stdin"] : []),
    ...(request.stdin && !request.stdinOnce ? ["--leave-stdin-open"] : []),
  ];
  const env = monitorEnvironment(bundle, { env: { PATH: path } });
  const launch = { command, env, bundle, cgroup: request.monitorCgroup };
  const { pid, message } = await reportOfMonitor(launch, host, signal);
  if (pid === undefined) throw new Fault("internal", `keeping the output of container ${id}: ${message}`);
  confineMonitor(id, { host, paths, monitorCpus });
  const end = (fd: number) => `/proc/${pid}/fd/${fd}`;
  return { stdin: request.stdin ? end(0) : "", stdout: end(1), stderr: request.tty ? "" : end(2) };
}

/** The container has ended: waits until its shim has passed on all that it wrote, then lets the keeper end. */
export async function endKeeper(id: ContainerId, shimPid: number | undefined, paths: Paths): Promise<void> {
  const holder = holderOf(id, paths);
  if (holder === undefined) return;
  const { pid } = holder;
  const until = performance.now() + passOnMs;
  const pipes = [1, 2].map((fd) => pipeAt(`/proc/${pid}/fd/${fd}`));
  for (let wait = 1; shimPid !== undefined && writesToAny(shimPid, pipes); wait = Math.min(wait * 2, 20)) {
    if (performance.now() > until) break;
    await sleep(wait);
  }
  killIfSame(holder);
}

/** Kills a holder that its keeper did not live to note: of what a start left that was broken off. */
export async function killHolders(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  const { bundle } = paths.container(id);
  const find = () => processesBy((args, pid) => isHolder(args, pid, bundle));
  await endProcesses(find, `what keeps the output of container ${id}`, 0, signal);
}

function holderFile(id: ContainerId, paths: Paths): string {
  return join(paths.container(id).keeper, "pid");
}

/** The process that holds the pipes, if it is still it. */
function holderOf(id: ContainerId, paths: Paths): ProcessStart | undefined {
  const pid = pidIn(holderFile(id, paths));
  const found = pid === undefined ? undefined : processIdentity(pid);
  const isStill = found !== undefined && isHolder(argsOf(found.pid), found.pid, paths.container(id).bundle);
  return isStill ? found : undefined;
}

/** Others sleep like that, too, but not in this bundle. */
function isHolder(args: readonly string[], pid: number, bundle: string): boolean {
  return args.join(" ") === "sleep infinity" && isSameDirectory(`/proc/${pid}/cwd`, bundle);
}

function isSameDirectory(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false; // the process has ended, or the directory is gone
  }
}
