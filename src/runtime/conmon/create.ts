import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describeFault, during, Fault } from "../../base/fault.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import { MissingProgram } from "../../linux/program-fault.ts";
import { confineMonitor } from "../confine-monitor.ts";
import type { CreateRequest, MonitoredContainer } from "../contract.ts";
import { identityOf } from "../identity-of.ts";
import { notePodKills } from "../oom-kills.ts";
import { prepareLog } from "../prepare-log.ts";
import { criuErrorsIn } from "./criu.ts";
import { deleteContainer } from "./delete.ts";
import { handlerFor } from "./handler-of.ts";
import type { Handler } from "./handlers.ts";
import { type MonitorReport, reportOfMonitor } from "./launch-monitor.ts";
import { monitorArgs, monitorEnvironment, pidIn, recordedMonitor } from "./monitors.ts";
import { takeBackNullDevice } from "./null-device.ts";
import type { ConmonParts } from "./parts.ts";
import { runtimeLog, runtimeLogFlag } from "./runtime-log.ts";
import { wordsOf } from "./runtime-words.ts";
import { needsStandIn, standInCommand } from "./stand-in.ts";

/** Of a runtime's log, what goes into a message is looked for in so much of its end. */
const logTail: Bytes = 64 << 10;
/** How long the clean-up after a failed create may take. */
const undoDeadline: Ms = 20_000;
/** conmon has the runtime and CRIU log a restore in the bundle, under this name. */
const restoreLog = "restore.log";

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
  const handler = handlerFor(request, parts);
  requirePrograms(handler, parts);
  if (request.logPath !== undefined) await prepareLog(request.logPath, parts.host.files);
  notePodKills(request.bundle, parts.host.cgroups);
  try {
    parts.startedWith.note(request.id, { monitor: "conmon", handler });
    const init = await createdByMonitor(request, handler, parts, signal);
    confineMonitor(request.id, parts);
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

/** They were there when the daemon started. What the shell and conmon say of one that is gone is less clear. */
function requirePrograms(handler: Handler, { conmon }: ConmonParts): void {
  for (const path of [conmon, handler.path]) if (!existsSync(path)) throw new MissingProgram(path);
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

/** @returns the pid of the container's first process */
async function createdByMonitor(
  request: CreateRequest,
  handler: Handler,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<number> {
  const { conmon, paths } = parts;
  const { id, bundle } = request;
  const plain = [handler.path, ...handler.args, runtimeLogFlag(bundle), "--log-format=json"];
  const runtime = needsStandIn(handler, bundle) ? standInCommand(id, bundle, plain) : plain;
  const report = await reportOfMonitor(
    {
      command: [conmon, ...monitorArgs(request, runtime, paths)],
      env: monitorEnvironment(bundle, handler),
      bundle,
      cgroup: request.monitorCgroup,
    },
    parts.host,
    signal,
  );
  return await createdPid(report, request);
}

/** @throws {Fault} internal with what the runtime wrote */
async function createdPid(report: MonitorReport, { bundle, restoreFrom }: CreateRequest): Promise<number> {
  if (report.pid !== undefined) return report.pid;
  const log = await readFile(runtimeLog(bundle), "utf8").catch(() => "");
  const criu = restoreFrom === undefined ? "" : await criuErrorsIn(join(bundle, restoreLog));
  const words = [wordsOf(log.slice(-logTail)) || wordsOf(report.message), criu].filter(Boolean).join(": ");
  throw new Fault("internal", words === "" ? "the monitor ended before the container was created" : words);
}
