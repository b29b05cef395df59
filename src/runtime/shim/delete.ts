import { existsSync } from "node:fs";
import { join } from "node:path";
import { throwIfEnded, waitFor } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { reapIfDead } from "../../linux/reap.ts";
import { cgroupOfBundle } from "../bundle.ts";
import type { Handler } from "../conmon/handlers.ts";
import { killMonitors, settleMonitors } from "../conmon/monitors.ts";
import { requireRuntime } from "../conmon/runtime-command.ts";
import { filesOfContainer, removeCgroup } from "../left-by-container.ts";
import { cleanUp, cleanUpIfThere } from "./clean-up.ts";
import { endForDeletion } from "./ending.ts";
import { isOnHost, type ShimHandler, shimNamespace } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { removeKataBooks } from "./kata-books.ts";
import { endKeeper, killHolders } from "./keeper.ts";
import { readMarker } from "./marker.ts";
import type { ShimParts } from "./parts.ts";
import { endRunscCalls } from "./shim-processes.ts";

/** What shims leave in a bundle. */
const shimFiles = ["init.pid", "log.json", "options.json", "runtime", "work", "shim-binary-path"];

/**
 * Takes away the container, its processes, its cgroup, the keeper of its output, and with the last of a pod the shim, whatever
 * state they are in, from its id and what is on disk alone.
 *
 * @throws {Fault} wrongState when processes can't be killed; what `signal` says
 */
export async function deleteByShim(
  id: ContainerId,
  handlerName: string,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const { paths, host, shims, exits, lostSandboxes } = parts;
  const { bundle, pidFile } = paths.container(id);
  const marker = readMarker(id, paths);
  // without its pid it is still being created, and what is made must not come after its removal
  if (!existsSync(pidFile)) {
    await killMonitors(id, paths, signal);
    await killHolders(id, paths, signal);
  }
  const cgroup = cgroupOfBundle(bundle);
  const handler = handlerOf(id, parts, handlerName);
  const isHere = isOnHost(handler);
  if (isHere && cgroup !== undefined) await host.cgroups.killAll(cgroup, signal);
  const shim = await shims.of(id, signal).catch(() => undefined);
  if (!isHere && shim === undefined) {
    // in order, while its machine lives, which is in the sandbox's cgroup: the shim's program would wait for a dead one
    if (marker?.init !== undefined && shims.standing(marker.group) === undefined)
      await waitFor(lostSandboxes.takeDown(marker.group), signal, `taking down sandbox ${marker.group}`);
    if (cgroup !== undefined) await host.cgroups.killAll(cgroup, signal);
  }
  if ((await endForDeletion(id, { shim, isHere }, parts, signal)) === "left") {
    if (isOnHost(handler)) await deleteByRuntime(id, handler, parts, signal);
    else await cleanUp({ id, bundle }, handler, parts, signal);
  }
  // the machine is taken down in order, which its shim goes on with when it has answered
  if (!isHere && marker !== undefined) await shims.leave(id, marker.group, signal);
  await removeCgroup(cgroup, host.cgroups, signal);
  await waitFor(exits.forget(id), signal, `waiting for the exit of container ${id}`);
  await endKeeper(id, shim?.client.isSilent ? undefined : shim?.process.pid, paths);
  await settleMonitors(id, paths, signal);
  await removeBooks(id, handler?.runtime?.root ?? paths.runtimeRoot(marker?.handler ?? handlerName), parts);
  if (isHere && marker !== undefined) await shims.leave(id, marker.group, signal);
  if (!isHere) await endRunscCalls(id, paths, signal);
  // Kata's writes its books anew in the midst of a clean-up after a machine that was lost
  if (!isHere && id === marker?.group && marker.over !== undefined)
    await cleanUpIfThere({ id, bundle }, handler, parts, signal);
  if (handler !== undefined && id === marker?.group)
    await removeKataBooks({ group: id, handler, init: marker.init }, host, signal);
  if (!isHere && marker?.init !== undefined) reapIfDead(marker.init.pid); // a machine's process outlives its shim
  await removeTraces(id, parts);
}

/**
 * Has the runtime below a shim that is gone delete a container of this host. The shim's program would do the same, and unmount the root
 * file system: that is berth's, and one that goes on from a checkpoint needs it again.
 */
async function deleteByRuntime(
  id: ContainerId,
  { runtime }: ShimHandler & { readonly runtime: Handler },
  { host }: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const root = join(runtime.root, shimNamespace);
  if (!existsSync(join(root, id))) return;
  const below = { ...runtime, args: [`--root=${root}`] };
  await requireRuntime(below, { args: ["delete", "--force", id] }, host, signal).catch((error: unknown) => {
    throwIfEnded(signal, `deleting container ${id}`);
    host.log.warn({ container: id, err: describeFault(error) }, "the runtime could not delete a container");
  });
}

/** Its processes and cgroup are gone: what the runtime below the shim has on its books is about nothing. */
async function removeBooks(id: ContainerId, root: string, { host }: ShimParts): Promise<void> {
  const path = join(root, shimNamespace, id);
  if (existsSync(path)) await host.files.change([{ change: "removeTree", path }]);
}

/** What shim and keeper left in the bundle and beside it; the marker last. */
async function removeTraces(id: ContainerId, { paths, host, startedWith }: ShimParts): Promise<void> {
  const { bundle, shimFile, keeper } = paths.container(id);
  const ofShim = shimFiles.map((name) => join(bundle, name));
  const left = [...ofShim, ...filesOfContainer(id, paths), keeper, `${shimFile}.new`, shimFile];
  await host.files.change(left.map((path) => ({ change: "removeTree", path })));
  startedWith.forget(id);
}
