import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfEnded } from "../../base/deadline.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import { reapOrphan } from "../../linux/orphans.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import type { CreateRequest } from "../contract.ts";
import type { Handler } from "./handlers.ts";

/** How long a monitor whose container is gone may take to note the exit and end. */
const lingerMs: Ms = 1000;

/** The longest path that a socket's address holds (unix(7)), with the name that conmon makes there. */
const maxSocketDirectory = 107 - "/conmon-term.XXXXXX".length;

/** The monitor's command line. Its fd 3 is the sync pipe. */
export function monitorArgs(request: CreateRequest, handler: Handler, paths: Paths): string[] {
  const { id, bundle, logPath } = request;
  const files = paths.container(id);
  const runtimeArgs = [...handler.args, `--log=${runtimeLog(bundle)}`, "--log-format=json"];
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", request.name],
    ...["--runtime", handler.path, ...runtimeArgs.map((arg) => `--runtime-arg=${arg}`)],
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

/** Where the OCI runtime logs while it creates. */
export function runtimeLog(bundle: string): string {
  return `${bundle}/runtime.log`;
}

/**
 * The container that the process `pid` monitors, or whose output it keeps, for the daemon with these paths. Undefined: it is no
 * monitor of ours.
 */
export function monitoredBy(
  pid: number,
  paths: Paths,
): { id: string; logPath: string | undefined } | undefined {
  const args = argsOf(pid);
  const after = (option: string) => args[args.indexOf(option) + 1] ?? "";
  if (!args.includes("--cuuid") || !args.includes("--exit-dir")) return undefined;
  const { keeper } = paths.container(after("--cid") as ContainerId);
  if (after("--exit-dir") !== paths.exits && after("--exit-dir") !== keeper) return undefined;
  const log = after("--log-path");
  return {
    id: after("--cid"),
    logPath: log.startsWith("k8s-file:") ? log.slice("k8s-file:".length) : undefined,
  };
}

/** The command line of a process; empty for one that has ended. */
export function argsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0$/, "").split("\0");
  } catch {
    return [];
  }
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
  const found: { pid: number; id: string }[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    const monitored = monitoredBy(Number(name), paths);
    if (monitored !== undefined) found.push({ pid: Number(name), id: monitored.id });
  }
  return found;
}

/**
 * The container's monitors: by the pid file, or by their command lines where the daemon was killed before that was
 * written; a monitor that is just forking counts twice.
 */
async function monitorsOf(id: ContainerId, paths: Paths): Promise<number[]> {
  const recorded = recordedMonitor(id, paths);
  if (recorded !== undefined) return [recorded];
  const pidFile = pidIn(paths.container(id).monitorPidFile);
  if (pidFile !== undefined && processIdentity(pidFile) === undefined) {
    reapOrphan(pidFile);
    return [];
  }
  return (await allMonitors(paths)).filter((monitor) => monitor.id === id).map(({ pid }) => pid);
}

/** Every process that takes part in creating the container: its monitor, the runtime, what that forks. */
async function creatorsOf(id: ContainerId, paths: Paths): Promise<number[]> {
  const { bundle } = paths.container(id);
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  return pids.filter((pid) => {
    const args = argsOf(pid);
    return args.includes(bundle) && args[args.indexOf(bundle) - 1] === "--bundle";
  });
}

/** Kills the container's monitors at once, and the runtimes that they have running: what those make must not come later. */
export async function killMonitors(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  await endAll(() => creatorsOf(id, paths), id, 0, signal);
}

/** Waits for the container's monitors to end, a moment and no longer; then kills them. */
export async function settleMonitors(id: ContainerId, paths: Paths, signal: AbortSignal): Promise<void> {
  await endAll(() => monitorsOf(id, paths), id, lingerMs, signal);
}

async function endAll(
  find: () => Promise<number[]>,
  id: ContainerId,
  patience: Ms,
  signal: AbortSignal,
): Promise<void> {
  const killAt = performance.now() + patience;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    const left = await find();
    if (left.length === 0) return;
    throwIfEnded(signal, `ending the monitor of container ${id}`);
    if (performance.now() >= killAt) for (const pid of left) killIfThere(pid);
    await sleep(wait);
  }
}
