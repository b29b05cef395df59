import { existsSync } from "node:fs";
import { join } from "node:path";
import { throwIfEnded, waitFor } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import { reapOrphan } from "../../linux/orphans.ts";
import { cgroupOfBundle } from "../bundle.ts";
import { killMonitors, settleMonitors } from "../conmon/monitors.ts";
import { filesOfContainer, removeCgroup } from "../left-by-container.ts";
import { endForDeletion } from "./ending.ts";
import { isOnHost, type ShimHandler, shimNamespace } from "./handler.ts";
import { handlerOf } from "./handler-of.ts";
import { endKeeper, killHolders } from "./keeper.ts";
import { readMarker } from "./marker.ts";
import type { ShimParts } from "./parts.ts";
import { endRunscCalls } from "./shim-processes.ts";
import { shimArgs, shimEnvironment } from "./start-shim.ts";

const maxOutput: Bytes = 64 << 10;

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
  const { paths, host, shims, exits } = parts;
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
  // a virtual machine is in its sandbox's cgroup: a shim is to end it in order, its program would wait for one without a shim
  if (!isHere && shim === undefined && cgroup !== undefined) await host.cgroups.killAll(cgroup, signal);
  if ((await endForDeletion(id, { shim, isHere }, parts, signal)) === "left")
    await cleanUp({ id, bundle }, handler, parts, signal);
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
    await cleanUp({ id, bundle }, handler, parts, signal);
  if (!isHere && marker?.init !== undefined) reapOrphan(marker.init.pid); // a machine's process outlives its shim
  await removeTraces(id, parts);
}

/** Has the shim's program clean up after a shim that is gone. */
export async function cleanUp(
  { id, bundle }: { readonly id: ContainerId; readonly bundle: string },
  handler: ShimHandler | undefined,
  { host, paths }: Pick<ShimParts, "host" | "paths">,
  signal: AbortSignal,
): Promise<void> {
  if (handler === undefined || !existsSync(bundle)) return;
  const args = [...shimArgs(id, paths), "-bundle", bundle, "delete"];
  const env = { ...shimEnvironment(paths), ...handler.env };
  const ended = await host.processes
    .run({ path: handler.program, args, env, cwd: bundle, maxOutput }, signal)
    .catch((error: unknown) => {
      throwIfEnded(signal, `cleaning up after container ${id}`);
      return { code: 1, stderr: Buffer.from(describeFault(error)) };
    });
  if (ended.code === 0) return;
  const err = Buffer.from(ended.stderr).toString("utf8").slice(-1000); // why is said last
  host.log.warn({ container: id, err }, "a shim's program could not clean up after a container");
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
