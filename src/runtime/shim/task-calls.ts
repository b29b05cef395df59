import { Fault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { killIfSame, killIfThere } from "../../linux/kill-if-there.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import { parseSignal } from "../../spec/signal.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { alive } from "../exits.ts";
import { noteKill } from "../oom-kills.ts";
import { signalAll } from "../signal-all.ts";
import { answered } from "./answered.ts";
import { endOfKilled } from "./ending.ts";
import { isOnHost } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { readMarker, writeMarker } from "./marker.ts";
import { ociAny } from "./options.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { killWait } from "./silent.ts";

/** @throws {Fault} wrongState when its shim is gone; unavailable when that does not answer */
export async function shimOf(
  id: ContainerId,
  { shims }: Pick<ShimParts, "shims">,
  signal: AbortSignal,
): Promise<Shim> {
  const shim = await shims.of(id, signal);
  if (shim === undefined) throw new Fault("wrongState", `container ${id} has no shim any more`);
  return shim;
}

export async function startByShim(id: ContainerId, parts: ShimParts, signal: AbortSignal): Promise<void> {
  const shim = await shimOf(id, parts, signal);
  await answered(shim.calls.start({ id }, { signal }), shim);
  const marker = readMarker(id, parts.paths);
  if (marker === undefined || isOnHost(handlerOf(id, parts))) return;
  writeMarker(id, { ...marker, isStarted: true }, parts.paths);
}

/** Undefined: the shim has no such container, or is gone itself. */
export async function stateByShim(
  id: ContainerId,
  { shims, paths }: Pick<ShimParts, "shims" | "paths">,
  signal: AbortSignal,
): Promise<"created" | "running" | "stopped" | undefined> {
  if (readMarker(id, paths)?.over !== undefined) return "stopped";
  const shim = await shims.of(id, signal);
  if (shim === undefined) return undefined;
  try {
    const { status } = await shim.calls.state({ id }, { timeout: killWait, signal });
    switch (status) {
      case Status.CREATED:
        return "created";
      case Status.RUNNING:
      case Status.PAUSED:
      case Status.PAUSING:
        return "running";
      case Status.STOPPED:
        return "stopped";
      default:
        return undefined;
    }
  } catch (error) {
    if (isFault(error, "notFound")) return undefined;
    throw error;
  }
}

/** Which signal, and to whom: the container's init, or every process in it. */
export interface KillByShim {
  readonly id: ContainerId;
  readonly signalName: string;
  readonly all: boolean;
}

/**
 * Signals a container. All of it is reached by its cgroup, where its processes are this host's.
 *
 * @throws {Fault} invalid when there is no such signal; as the shim says
 */
export async function killByShim(
  { id, signalName, all }: KillByShim,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const { number } = parseSignal(signalName);
  if (number === 9) noteKill(parts.paths.container(id).bundle);
  if (await signalledHere({ id, number, all }, parts, signal)) {
    if (number === 9) parts.exits.expectEnd(id);
    return;
  }
  const shim = await parts.shims.of(id, signal);
  if (shim === undefined) return; // its containers are ended when that is seen
  try {
    await answered(shim.calls.kill({ id, signal: number, all }, { timeout: killWait, signal }), shim);
  } catch (error) {
    // whoever asks for another signal than KILL asks for that next
    if (shim.client.isSilent) return number === 9 ? endSilentShim(shim, parts) : undefined;
    const state = await stateByShim(id, parts, signal);
    if (state === "created" || state === "running") throw error;
  }
  if (number !== 9) return;
  const ending = await endOfKilled(id, shim, parts.paths, signal);
  if (ending !== "lives") await parts.exits.endUntold(id, shim, ending);
}

/**
 * Signals a container whose processes are this host's, as conmon's are: that takes no shim, which may hang. False where they are not, or
 * are not known.
 */
async function signalledHere(
  { id, number, all }: { readonly id: ContainerId; readonly number: number; readonly all: boolean },
  parts: ShimParts,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isOnHost(handlerOf(id, parts))) return false;
  if (all) return await signalAll(parts.paths.container(id).bundle, number, parts.host.cgroups, signal);
  const init = readMarker(id, parts.paths)?.init;
  if (init === undefined) return false;
  if (alive(init)) killIfThere(init.pid, number);
  return true;
}

/** What it was to kill can't be killed without it, but goes with it: its containers are ended when its end is seen. */
function endSilentShim({ group, process }: Shim, { host }: ShimParts): void {
  host.log.warn(
    { shim: group, pid: process.pid },
    "a shim that was to kill says nothing: it is killed itself",
  );
  killIfSame(process);
}

export async function updateByShim(
  id: ContainerId,
  resources: OciResources,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const shim = await shimOf(id, parts, signal);
  await answered(shim.calls.update({ id, resources: ociAny("LinuxResources", resources) }, { signal }), shim);
}
