import { existsSync } from "node:fs";
import { join } from "node:path";
import { throwIfEnded } from "../../base/deadline.ts";
import { describeFault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import { reapIfDead } from "../../linux/reap.ts";
import { cgroupOfBundle } from "../bundle.ts";
import type { RuntimeHost } from "../host.ts";
import { filesOfContainer, removeCgroup } from "../left-by-container.ts";
import { booksOf } from "./books.ts";
import { keptHandler } from "./handler-of.ts";
import { type Handler, runsOnHost } from "./handlers.ts";
import { killMonitors, killStandIn, pidIn, settleMonitors } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";
import { requireRuntime } from "./runtime-command.ts";
import { runtimeLog } from "./runtime-log.ts";
import { standInFiles } from "./stand-in.ts";

/**
 * Takes away the container, its processes, its cgroup and its monitor, whatever state they are in, from its id and
 * what is on disk alone. Tells the runtime where that knows the container, and does the same without it where it is
 * confused.
 *
 * @throws {Fault} wrongState when processes can't be killed; what `signal` says
 */
export async function deleteContainer(
  id: ContainerId,
  handlerName: string,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<void> {
  const { paths, host } = parts;
  const files = paths.container(id);
  // A monitor without the container's pid is still creating it, and what it makes must not come after its removal.
  if (!existsSync(files.pidFile)) await killMonitors(id, paths, signal);
  const cgroup = cgroupOfBundle(files.bundle);
  // Before the runtime does: runc looks only every 100 ms whether what it killed is dead.
  if (cgroup !== undefined) await host.cgroups.killAll(cgroup, signal);
  const init = pidIn(files.pidFile);
  if (init !== undefined) reapIfDead(init); // of a monitor that was lost: runsc waits until a dead sandbox is nobody's
  const holding = holders(id, handlerName, parts);
  let failed = await deleteByRuntime(id, holding, parts, signal);
  const isRemoved = await removeCgroup(cgroup, host.cgroups, signal);
  if (isRemoved && failed.length > 0) failed = await deleteByRuntime(id, failed, parts, signal);
  for (const handler of failed) await forget(id, handler, parts);
  if (standInFiles(files.bundle).some((fifo) => existsSync(fifo))) await killStandIn(id, paths, signal);
  await settleMonitors(id, paths, signal);
  await removeTraces(id, parts);
}

/**
 * The part of it that takes the longest, for a container that has ended, when nobody waits for it yet. Of one in a sandbox it is left to
 * the removal: what others of the pod need may go with it.
 */
export async function forgetEnded(
  id: ContainerId,
  handlerName: string,
  parts: ConmonParts,
  signal: AbortSignal,
): Promise<void> {
  const holding = holders(id, handlerName, parts);
  if (!holding.every(runsOnHost)) return;
  const failed = await deleteByRuntime(id, holding, parts, signal);
  const cgroup = cgroupOfBundle(parts.paths.container(id).bundle);
  if (failed.length === 0) await removeCgroup(cgroup, parts.host.cgroups, signal);
}

/** The handlers whose runtime has the container on its books: what it was started with, instead of what has those books now. */
function holders(id: ContainerId, named: string, parts: ConmonParts): Handler[] {
  const found: Handler[] = [];
  const kept = keptHandler(id, parts);
  const others = [...parts.handlers.all()].filter(({ root }) => root !== kept?.root);
  for (const handler of kept === undefined ? others : [kept, ...others]) {
    const isKnown = handler.kind === "other" && handler.name === named; // of its books nothing is known
    if (isKnown || booksOf(id, handler).length > 0) found.push(handler);
  }
  return found;
}

/** Those handlers whose runtime did not manage. */
async function deleteByRuntime(
  id: ContainerId,
  holding: readonly Handler[],
  { host }: ConmonParts,
  signal: AbortSignal,
): Promise<Handler[]> {
  const failed: Handler[] = [];
  for (const handler of holding) {
    try {
      await requireRuntime(handler, { args: ["delete", "--force", id] }, host, signal);
      await removeBooks(id, handler, host);
    } catch (error) {
      throwIfEnded(signal, `deleting container ${id}`);
      host.log.warn({ container: id, err: describeFault(error) }, "the runtime could not delete a container");
      failed.push(handler);
    }
  }
  return failed;
}

/** Its processes and cgroup are gone: what the runtime has on its books is about nothing. */
async function forget(id: ContainerId, handler: Handler, { host }: ConmonParts): Promise<void> {
  host.log.warn({ container: id, handler: handler.name }, "removing what a runtime recorded of a container");
  await removeBooks(id, handler, host);
}

async function removeBooks(id: ContainerId, handler: Handler, { files }: RuntimeHost): Promise<void> {
  const books = booksOf(id, handler);
  if (books.length > 0) await files.change(books.map((path) => ({ change: "removeTree", path })));
}

/** What monitor and runtime left in the bundle and beside it. */
async function removeTraces(id: ContainerId, { paths, host, startedWith }: ConmonParts): Promise<void> {
  const { bundle } = paths.container(id);
  const left = [
    join(bundle, "exit"),
    runtimeLog(bundle),
    ...standInFiles(bundle),
    ...filesOfContainer(id, paths),
  ];
  await host.files.change(left.map((path) => ({ change: "remove", path })));
  startedWith.forget(id);
}
