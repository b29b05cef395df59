import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { during, isFault } from "../../../base/fault.ts";
import { waitOutside } from "../../../base/outside-time.ts";
import type { MonitoredContainer, SandboxRequest } from "../../contract.ts";
import { identityOf } from "../../identity-of.ts";
import { answered } from "../answered.ts";
import { handlerFor } from "../handler-of.ts";
import { type ShimMarker, writeMarker } from "../marker.ts";
import { any } from "../options.ts";
import type { ShimParts } from "../parts.ts";
import type { Shim } from "../shim.ts";
import { lacksSandboxes } from "./trial.ts";

/**
 * Starts a pod's shim and has it make the pod's sandbox. What a failure leaves is taken away by endSandbox.
 *
 * @throws {Fault} wrongState when the shim has no sandbox API; internal with what it said
 */
export async function startSandbox(
  request: SandboxRequest,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<MonitoredContainer> {
  const { id } = request;
  const { paths, shims, startedWith, sandboxWatch } = parts;
  const handler = handlerFor(id, request.handler, parts);
  await mkdir(paths.container(id).bundle, { recursive: true, mode: 0o700 });
  startedWith.note(id, { monitor: "shim", handler });
  const marker: ShimMarker = { group: id, handler: handler.name, stdinOnce: false, isSandbox: true };
  writeMarker(id, marker, paths);
  const { monitorCgroup: cgroup, cgroupsPath: sandboxCgroup } = request;
  const shim = await shims.join({ group: id, handler, cgroup, sandboxCgroup }, id, signal);
  try {
    const pid = await waitOutside(makeSandbox(shim, request, paths.shim(id).directory, signal));
    const init = pid === 0 ? shim.process : identityOf(pid, "the sandbox");
    writeMarker(id, { ...marker, init }, paths);
    sandboxWatch.watch(id, shim);
    return { monitor: shim.process, init };
  } catch (error) {
    if (isFault(error, "unimplemented")) throw lacksSandboxes(handler, error);
    throw during(`${handler.program} could not make the sandbox`, error);
  }
}

/** @returns the pid that the shim names; 0: none */
async function makeSandbox(
  shim: Shim,
  { id: sandboxId, netns: netnsPath, config, annotations }: SandboxRequest,
  bundlePath: string,
  signal: AbortSignal,
): Promise<number> {
  await mkdir(join(bundlePath, "rootfs"), { mode: 0o711, recursive: true });
  const options = any("runtime.v1.PodSandboxConfig", config);
  const rootfs: never[] = []; // a sandbox has none: what runs in it comes with the containers
  const request = { sandboxId, bundlePath, rootfs, options, netnsPath, annotations: { ...annotations } };
  const { sandboxes } = shim;
  await answered(sandboxes.createSandbox(request, { signal }), shim);
  const { pid } = await answered(sandboxes.startSandbox({ sandboxId }, { signal }), shim);
  return pid;
}
