import { Fault, isFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import { parseSignal } from "../../spec/signal.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { noteKill } from "../oom-kills.ts";
import { signalAll } from "../signal-all.ts";
import { isOnHost } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { readMarker, writeMarker } from "./marker.ts";
import { ociAny } from "./options.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { untoldEnd } from "./untold.ts";

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
  const { calls } = await shimOf(id, parts, signal);
  await calls.start({ id }, { signal });
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
    const { status } = await shim.calls.state({ id }, { signal });
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
  if (all && (await signalledAll(id, number, parts, signal))) return;
  const shim = await parts.shims.of(id, signal);
  if (shim === undefined) return; // its containers are ended when that is seen
  try {
    await shim.calls.kill({ id, signal: number, all }, { signal });
  } catch (error) {
    const state = await stateByShim(id, parts, signal);
    if (state === "created" || state === "running") throw error;
  }
  const over = number === 9 ? await untoldEnd(id, shim, parts.paths, signal) : undefined;
  if (over !== undefined) await parts.exits.endUntold(id, shim, over);
}

async function signalledAll(
  id: ContainerId,
  number: number,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isOnHost(handlerOf(id, parts))) return false;
  return await signalAll(parts.paths.container(id).bundle, number, parts.host.cgroups, signal);
}

export async function updateByShim(
  id: ContainerId,
  resources: OciResources,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const { calls } = await shimOf(id, parts, signal);
  await calls.update({ id, resources: ociAny("LinuxResources", resources) }, { signal });
}
