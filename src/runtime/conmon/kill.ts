import type { ContainerId } from "../../base/ids.ts";
import { killIfThere } from "../../linux/kill-if-there.ts";
import { processIdentity } from "../../linux/process-identity.ts";
import { parseSignal } from "../../spec/signal.ts";
import { noteKill } from "../oom-kills.ts";
import { signalAll } from "../signal-all.ts";
import { type Handler, runsOnHost } from "./handlers.ts";
import { pidIn, recordedMonitor } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";
import { state } from "./runtime-calls.ts";
import { callRuntime, runtimeFault } from "./runtime-command.ts";
import { awaitsStart } from "./stand-in.ts";

/** Which signal, and to whom: the container's init, or every process in it. */
export interface KillRequest {
  readonly id: ContainerId;
  readonly signalName: string;
  readonly all: boolean;
}

/**
 * Signals a container. Straight to its processes where those are the host's: a runtime that is started for it takes
 * tens of milliseconds to do the same. Its init is known by its parent, the container's monitor.
 *
 * @throws {Fault} invalid when there is no such signal; internal with what the runtime said
 */
export async function kill(
  request: KillRequest,
  handler: Handler,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<void> {
  const { number, name } = parseSignal(request.signalName);
  if (number === 9) noteKill(parts.paths.container(request.id).bundle);
  if (signalledStandIn(request.id, number, parts)) return;
  if (runsOnHost(handler) && (await signalled(request, number, parts, signal))) return;
  const { id, all } = request;
  const args = ["kill", ...(all ? ["--all"] : []), id, name.startsWith("SIGRT") ? String(number) : name];
  const finished = await callRuntime(handler, { args }, parts.host, signal);
  if (finished.code === 0) return;
  const found = await state(id, handler, parts.host, signal);
  if (found === "created" || found === "running") throw runtimeFault(handler, "kill", finished);
}

/** False when there is none, or it has started the container: until then it is all there is of that. */
function signalledStandIn(id: ContainerId, number: number, { paths }: ConmonParts): boolean {
  const { bundle, pidFile } = paths.container(id);
  const standIn = pidIn(pidFile);
  if (standIn === undefined || !awaitsStart(bundle)) return false;
  if (processIdentity(standIn)?.parent === recordedMonitor(id, paths)) killIfThere(standIn, number);
  return true;
}

/** False when it takes the runtime to know the container's processes. */
async function signalled(
  { id, all }: KillRequest,
  number: number,
  { paths, host }: ConmonParts,
  signal: AbortSignal,
): Promise<boolean> {
  const { bundle, pidFile } = paths.container(id);
  if (all) return await signalAll(bundle, number, host.cgroups, signal);
  const init = pidIn(pidFile);
  const monitor = recordedMonitor(id, paths);
  if (init === undefined || monitor === undefined || processIdentity(init)?.parent !== monitor) return false;
  killIfThere(init, number);
  return true;
}
