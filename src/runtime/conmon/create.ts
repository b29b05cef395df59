import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { throwIfEnded, waitFor } from "../../base/deadline.ts";
import { describeFault, during, Fault } from "../../base/fault.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import type { Cgroups, Files } from "../../linux/contract.ts";
import type { LaunchedWithOutput } from "../../linux/launcher.ts";
import { Pipe } from "../../linux/pipe.ts";
import { type ProcessStart, processIdentity } from "../../linux/process-identity.ts";
import type { CreateRequest, MonitoredContainer, ProcessIdentity } from "../contract.ts";
import { criuErrorsIn } from "./criu.ts";
import { deleteContainer } from "./delete.ts";
import {
  killIfThere,
  monitorArgs,
  monitorEnvironment,
  pidIn,
  recordedMonitor,
  runtimeLog,
} from "./monitors.ts";
import { takeBackNullDevice } from "./null-device.ts";
import type { ConmonParts } from "./parts.ts";
import { wordsOf } from "./runtime-words.ts";

/** conmon's own report holds 8 KiB of what the runtime said. */
const maxReport: Bytes = 64 << 10;
/** How long the clean-up after a failed create may take. */
const undoDeadline: Ms = 20_000;
/** conmon has the runtime and CRIU log a restore in the bundle, under this name. */
const restoreLog = "restore.log";
/** The kubelet's own rotation and the log collectors read as root or as this group. */
const logMode = 0o640;

/**
 * Starts a monitor, which has the runtime create the container. The monitor lives in a session of its own, in the
 * cgroup that is asked for, and needs nothing of this process from then on.
 *
 * @throws {Fault} internal with what monitor or runtime said; nothing is left then but the bundle
 */
export async function createContainer(
  request: CreateRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<MonitoredContainer> {
  if (request.logPath !== undefined) await prepareLog(request.logPath, parts.host.files);
  try {
    const init = await launchMonitor(request, parts, signal);
    const monitor = recordedMonitor(request.id, parts.paths);
    return {
      monitor: identityOf(monitor, "the monitor"),
      init: identityOf(init, "the container's first process"),
    };
  } catch (error) {
    const undo = AbortSignal.timeout(undoDeadline);
    await deleteContainer(request.id, request.handler, parts, undo).catch((cause: unknown) => {
      const err = describeFault(cause);
      parts.host.log.error({ container: request.id, err }, "a failed create could not be cleaned up");
    });
    throw during(`creating container ${request.id}`, error);
  } finally {
    takeBackNullDevice(parts.host);
  }
}

/** A container that lives, with its monitor, as their pid files name them. */
export function monitoredContainer(
  id: CreateRequest["id"],
  { paths }: Pick<ConmonParts, "paths">,
): MonitoredContainer | undefined {
  const monitorPid = recordedMonitor(id, paths);
  const initPid = pidIn(paths.container(id).pidFile);
  if (monitorPid === undefined || initPid === undefined) return undefined;
  const monitor = processIdentity(monitorPid);
  const init = processIdentity(initPid);
  if (monitor === undefined || init?.parent !== monitorPid) return undefined;
  return {
    monitor: { pid: monitor.pid, startTicks: monitor.startTicks },
    init: { pid: init.pid, startTicks: init.startTicks },
  };
}

function identityOf(pid: number | undefined, what: string): ProcessIdentity {
  const found: ProcessStart | undefined = pid === undefined ? undefined : processIdentity(pid);
  if (found === undefined) throw new Fault("internal", `${what} ended as soon as it was created`);
  return { pid: found.pid, startTicks: found.startTicks };
}

/** @throws {Fault} invalid for a path that conmon can't be told */
async function prepareLog(path: string, files: Files): Promise<void> {
  if (!path.startsWith("/") || /[:\0\n]/.test(path)) {
    throw new Fault(
      "invalid",
      `log path ${JSON.stringify(path)}: must be absolute, without ":" or a newline`,
    );
  }
  await files.change([
    { change: "makeDirectory", path: dirname(path), mode: 0o755 },
    { change: "beginLog", path, mode: logMode },
  ]);
}

/** @returns the pid of the container's first process */
async function launchMonitor(
  request: CreateRequest,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<number> {
  const { host, conmon, paths } = parts;
  const handler = parts.handlers.get(request.handler);
  using sync = new Pipe();
  const command = [conmon, ...monitorArgs(request, handler, paths)];
  const [path = conmon, ...args] = within(request.monitorCgroup, command, host.cgroups);
  using launched = await host.launcher.launch(
    {
      path,
      args,
      env: monitorEnvironment(request.bundle, handler),
      cwd: request.bundle,
      more: [sync.write],
    },
    maxReport,
    signal,
  );
  try {
    sync.close("write");
    return await waitOutside(created(launched, sync, request, signal));
  } catch (error) {
    killIfThere(-launched.pid); // before it forks it has its own process group; after, it is found by its id
    await launched.exited; // the pid file may name the fork already, and nobody would look for this one
    throwIfEnded(signal, "waiting for the OCI runtime");
    throw error;
  }
}

/**
 * The command line that enters the cgroup and becomes `command` there, so that all it starts is in that cgroup, too.
 *
 * The process moves itself: in version 1 that takes no lock and no RCU grace period (ten hierarchies in 1 ms), while
 * moving another process takes both in each of them (14 ms).
 */
function within(cgroup: string | undefined, command: readonly string[], cgroups: Cgroups): readonly string[] {
  if (cgroup === undefined) return command;
  const directories = cgroups.directories(cgroup);
  const files = [...new Set(directories.values())].map((directory) =>
    join(directory, directory === directories.get("unified") ? "cgroup.procs" : "tasks"),
  );
  return ["/bin/sh", "-c", enterThenBecome, "sh", String(files.length), ...files, ...command];
}

/** The number of files comes first, then they, then the command. */
const enterThenBecome = `left=$1; shift
while [ "$left" -gt 0 ]; do echo 0 >"$1" || exit; shift; left=$((left - 1)); done
exec "$@"`;

async function created(
  launched: LaunchedWithOutput,
  sync: Pipe,
  request: CreateRequest,
  signal: AbortSignal,
): Promise<number> {
  await waitFor(forked(launched), signal, "starting the monitor");
  return await createdPid(await sync.firstLine(maxReport, signal), request);
}

/** The program that was started ends once its fork has its pid file. */
async function forked({ exited, stderr }: LaunchedWithOutput): Promise<void> {
  const { code, signal } = await exited;
  if (code === 0) return;
  const said = wordsOf(stderr.finish().toString("utf8"));
  const how = signal === null ? `exit code ${code}` : `killed by ${signal}`;
  throw new Fault("internal", `conmon: ${said === "" ? how : said}`);
}

/** Reads conmon's report: `{"data": <pid>}`, or -1 with what the runtime wrote to stderr. */
async function createdPid(line: string, { bundle, restoreFrom }: CreateRequest): Promise<number> {
  const report = parseReport(line);
  if (report.pid !== undefined) return report.pid;
  const log = await readFile(runtimeLog(bundle), "utf8").catch(() => "");
  const criu = restoreFrom === undefined ? "" : await criuErrorsIn(join(bundle, restoreLog));
  const words = [wordsOf(log.slice(-maxReport)) || wordsOf(report.message), criu].filter(Boolean).join(": ");
  throw new Fault("internal", words === "" ? "the monitor ended before the container was created" : words);
}

function parseReport(line: string): { pid: number | undefined; message: string } {
  let report: unknown;
  try {
    report = JSON.parse(line);
  } catch {
    return { pid: undefined, message: line }; // cut off, or what the runtime wrote can't be read back
  }
  if (report === null || typeof report !== "object") return { pid: undefined, message: line };
  const pid =
    "data" in report && typeof report.data === "number" && report.data > 0 ? report.data : undefined;
  return { pid, message: "message" in report ? String(report.message) : "" };
}
