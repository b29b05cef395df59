import { waitFor } from "../../../base/deadline.ts";
import { describeFault, isFault } from "../../../base/fault.ts";
import type { ContainerId } from "../../../base/ids.ts";
import type { Ms } from "../../../base/units.ts";
import { reapIfDead } from "../../../linux/reap.ts";
import { cgroupOfBundle } from "../../bundle.ts";
import { removeCgroup } from "../../left-by-container.ts";
import { cleanUp } from "../clean-up.ts";
import { isDying } from "../exits.ts";
import { handlerOf } from "../handler-of.ts";
import { removeKataBooks } from "../kata-books.ts";
import { hasKataMounts } from "../kata-mounts.ts";
import { readMarker } from "../marker.ts";
import type { ShimParts } from "../parts.ts";
import type { Shim } from "../shim.ts";
import { endShimProcesses } from "../shim-processes.ts";
import { isSilent } from "../silent.ts";

/** How long what runs in the sandbox may take to end by itself. */
const graceSeconds = 10;
/** How long the shim may take for that, and to take down the rest. */
const stopDeadline: Ms = 20_000;

/**
 * Takes away a sandbox that a shim made, and the shim, whatever state they are in, from the id and what is on disk alone.
 *
 * @throws {Fault} wrongState when processes can't be killed; what `signal` says
 */
export async function endSandbox(
  id: ContainerId,
  handlerName: string,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<void> {
  const { paths, host, shims, startedWith, sandboxWatch } = parts;
  const handler = handlerOf(id, parts, handlerName);
  const { directory: bundle } = paths.shim(id);
  const cgroup = cgroupOfBundle(bundle);
  await waitFor(sandboxWatch.forget(id), signal, `waiting for the end of sandbox ${id}`);
  const shim = await shims.of(id, signal).catch(() => undefined);
  if (
    shim === undefined ||
    (shim.client.isSilent && (await isSilent(shim))) ||
    !(await isEnded(id, shim, parts, signal))
  ) {
    await endShimProcesses(id, paths, 0, signal);
    // Kata's program in Rust lets what runs there out into the root, and no more of it is known
    if (cgroup !== undefined) await host.cgroups.killAll(cgroup, signal);
    await cleanUp({ id, bundle }, handler, parts, signal);
  }
  await removeCgroup(cgroup, host.cgroups, signal);
  await shims.leave(id, id, signal);
  const { init } = readMarker(id, paths) ?? {};
  if (handler !== undefined) await removeKataBooks({ group: id, handler, init }, host, signal);
  if (init !== undefined) reapIfDead(init.pid); // a machine's process may outlive its shim
  const { exitFile, oomFile, shimFile } = paths.container(id);
  await host.files.change([exitFile, oomFile, shimFile].map((path) => ({ change: "removeTree", path })));
  startedWith.forget(id);
}

/** Has the shim end the sandbox, and then itself. False when it could not, must not, or was gone before it had answered. */
async function isEnded(
  sandboxId: ContainerId,
  shim: Shim,
  { host }: ShimParts,
  signal: AbortSignal,
): Promise<boolean> {
  const { sandboxes } = shim;
  const options = { timeout: stopDeadline, signal };
  let isStopped = false;
  try {
    await sandboxes.stopSandbox({ sandboxId, timeoutSecs: graceSeconds }, options);
    isStopped = true;
    if (await hasKataMounts(shim)) return false;
    await sandboxes.shutdownSandbox({ sandboxId }, options);
    return true;
  } catch (error) {
    if (isFault(error, "notFound")) return true; // it was never made
    // Kata's in Rust is mostly gone before its answer is out: whether it had done all is for its program to see
    if (isStopped && isFault(error, "unavailable") && (await isDying(shim))) return false;
    const err = describeFault(error);
    host.log.warn({ pod: sandboxId, err }, "a shim did not say that its sandbox has ended");
    return false;
  }
}
