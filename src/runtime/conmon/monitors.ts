import { readFileSync } from "node:fs";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { endProcesses } from "../../linux/end-processes.ts";
import { argsOf, processesBy } from "../../linux/process-args.ts";
import { type ProcessStart, processIdentity } from "../../linux/process-identity.ts";
import { reapIfDead } from "../../linux/reap.ts";
import type { CreateRequest } from "../contract.ts";
import type { Handler } from "./handlers.ts";
import { runtimeLogFlag } from "./runtime-log.ts";

/** How long a monitor whose container is gone may take to note the exit and end. */
const lingerMs: Ms = 1000;
/** How long a stand-in whose container is gone may take to be told its exit code. */
const standInLinger: Ms = 200;

/** The longest path that a socket's address holds (unix(7)), with the name that conmon makes there. */
const maxSocketDirectory = 107 - "/conmon-term.XXXXXX".length;

/** The monitor's command line. Its fd 3 is the sync pipe. @param runtime what it runs, with what goes before its `create` */
export function monitorArgs(
  request: CreateRequest,
  [program = "", ...runtimeArgs]: readonly string[],
  paths: Paths,
): string[] {
  const { id, bundle, logPath } = request;
  const files = paths.container(id);
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", request.name],
    ...["--runtime", program, ...runtimeArgs.map((arg) => `--runtime-arg=${arg}`)],
    ...["--bundle", bundle, "--container-pidfile", files.pidFile, "--conmon-pidfile", files.monitorPidFile],
    ...["--log-path", logPath === undefined ? "off" : `k8s-file:${logPath}`, "--log-size-max", "-1"],
    ...["--exit-dir", paths.exits, "--persist-dir", bundle, "--full-attach"],
    // a sync of the log at the exit would hold up the exit by what else the disk has to write
    ...["--log-level", "warn", "--no-sync-log"],
    ...(request.stdin ? ["--stdin"] : []),
    ...(request.stdin && !request.stdinOnce ? ["--leave-stdin-open"] : []),
    ...(request.tty ? ["--terminal"] : []),
    ...(request.restoreFrom === undefined
      ? []
      : ["--restore", request.restoreFrom, "--runtime-opt=--file-locks"]),
  ];
}

/** What the monitor inherits: fds by number, and where it makes the socket that takes a tty over. */
export function monitorEnvironment(bundle: string, { env }: Pick<Handler, "env">): Record<string, string> {
  const TMPDIR = bundle.length <= maxSocketDirectory ? bundle : "/tmp";
  return { ...env, TMPDIR, _OCI_SYNCPIPE: "3" };
}

/** Whom a monitor is for, by its command line. */
interface Monitored {
  readonly id: string;
  readonly logPath: string | undefined;
}

/**
 * The container that the process `pid` monitors, or whose output it keeps, for the daemon with these paths. Undefined: it is no
 * monitor of ours.
 */
export function monitoredBy(pid: number, paths: Paths): Monitored | undefined {
  return monitoredWith(argsOf(pid), paths);
}

function monitoredWith(args: readonly string[], paths: Paths): Monitored | undefined {
  if (!args.includes("--cuuid") || !args.includes("--exit-dir")) return undefined;
  const after = (option: string) => args[args.indexOf(option) + 1] ?? "";
  const { keeper } = paths.container(after("--cid") as ContainerId);
  if (after("--exit-dir") !== paths.exits && after("--exit-dir") !== keeper) return undefined;
  const log = after("--log-path");
  return {
    id: after("--cid"),
    logPath: log.startsWith("k8s-file:") ? log.slice("k8s-file:".length) : undefined,
  };
}

/** The pid in a file that conmon or a runtime wrote; undefined when there is none. */
export function pidIn(file: string): number | undefined {
  try {
    const text = readFileSync(file, "latin1").trim();
    return /^[1-9][0-9]*$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The container's monitor as its pid file names it, if that is still it. */
export function recordedMonitor(id: ContainerId, paths: Paths): number | undefined {
  const pid = pidIn(paths.container(id).monitorPidFile);
  return pid !== undefined && monitoredBy(pid, paths)?.id === id ? pid : undefined;
}

/** Every monitor of ours on this host: pid and container id. */
export async function allMonitors(paths: Paths): Promise<{ pid: number; id: string }[]> {
  const ids = new Map<number, string>();
  const monitors = await processesBy((args, pid) => {
    const id = monitoredWith(args, paths)?.id;
    if (id !== undefined) ids.set(pid, id);
    return id !== undefined;
  });
  return monitors.map(({ pid }) => ({ pid, id: ids.get(pid) ?? "" }));
}

/**
 * The container's monitors: by the pid file, or by their command lines where the daemon was killed before that was
 * written; a monitor that is just forking counts twice.
 */
async function monitorsOf(id: ContainerId, paths: Paths): Promise<ProcessStart[]> {
  const recorded = recordedMonitor(id, paths);
  const pid = recorded ?? pidIn(paths.container(id).monitorPidFile);
  const found = pid === undefined ? undefined : processIdentity(pid);
  if (recorded !== undefined) return found === undefined ? [] : [found];
  if (pid !== undefined && found === undefined) {
    reapIfDead(pid);
    return [];
  }
  return await processesBy((args) => monitoredWith(args, paths)?.id === id);
}

/** Every process that takes part in creating the container: its monitor, the runtime, what that forks. */
async function creatorsOf(id: ContainerId, paths: Paths): Promise<ProcessStart[]> {
  const { bundle } = paths.container(id);
  return await processesBy((args) => args.includes(bundle) && args[args.indexOf(bundle) - 1] === "--bundle");
}

/** Kills the container's monitors at once, and the runtimes that they have running: what those make must not come later. */
export async function killMonitors(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  await endProcesses(() => creatorsOf(id, paths), `the monitor of container ${id}`, 0, signal);
}

/**
 * Ends the stand-in of a container that was never started, or whose runtime forgot it, with what its runtime has on this host for it,
 * such as what serves its files; of others these have ended, or are about to.
 */
export async function killStandIn(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  const { bundle } = paths.container(id);
  const find = async () => [
    ...(await creatorsOf(id, paths)).filter(({ pid }) => argsOf(pid)[0] === "/bin/sh"),
    ...(await processesBy((args) => args.includes(runtimeLogFlag(bundle)))),
  ];
  await endProcesses(find, `the stand-in of container ${id}`, standInLinger, signal);
}

/** Waits for the container's monitors to end, a moment and no longer; then kills them. */
export async function settleMonitors(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  await endProcesses(() => monitorsOf(id, paths), `the monitor of container ${id}`, lingerMs, signal);
}
