import { writeFileSync } from "node:fs";
import { waitFor } from "../../base/deadline.ts";
import { describeFault, during, Fault } from "../../base/fault.ts";
import { waitOutside } from "../../base/outside-time.ts";
import type { Ms } from "../../base/units.ts";
import { readBundle } from "../bundle.ts";
import type { CreateRequest, MonitoredContainer } from "../contract.ts";
import { identityOf } from "../identity-of.ts";
import { notePodKills } from "../oom-kills.ts";
import { prepareLog } from "../prepare-log.ts";
import { answered } from "./answered.ts";
import { deleteByShim } from "./delete.ts";
import type { ShimHandler } from "./handler.ts";
import { handlerFor } from "./handler-of.ts";
import { type KeptStdio, startKeeper } from "./keeper.ts";
import { groupOf, type ShimMarker, writeMarker } from "./marker.ts";
import { encodeOptions } from "./options.ts";
import type { ShimParts } from "./parts.ts";
import type { Shim } from "./shim.ts";
import { isSilent } from "./silent.ts";
import type { ShimStart } from "./start-shim.ts";

/** How long the clean-up after a failed create may take. */
const undoDeadline: Ms = 30_000;
/** How long a create that nobody waits for any more may go on in the shim. */
const abandonedDeadline: Ms = 20_000;

/**
 * Has the pod's shim, which is started where it does not run, create the container, or restore and start it.
 *
 * @throws {Fault} internal with what the shim or its runtime said; nothing is left then but the bundle
 */
export async function createByShim(
  request: CreateRequest,
  parts: ShimParts,
  signal: AbortSignal,
): Promise<MonitoredContainer> {
  const { id } = request;
  let creating: Promise<unknown> | undefined;
  try {
    if (request.logPath !== undefined) await prepareLog(request.logPath, parts.host.files);
    notePodKills(request.bundle, parts.host.cgroups);
    const config = readBundle(request.bundle);
    if (config === undefined) throw new Fault("internal", `${request.bundle}/config.json can't be read`);
    const group = groupOf(id, config);
    const handler = handlerFor(group, request.handler, parts);
    parts.startedWith.note(id, { monitor: "shim", handler });
    const marker: ShimMarker = { group, handler: handler.name, stdinOnce: request.stdinOnce };
    writeMarker(id, marker, parts.paths);
    const start: ShimStart = {
      group,
      handler,
      cgroup: request.monitorCgroup,
      sandboxCgroup: group === id ? config.linux.cgroupsPath : undefined,
    };
    const [shim, stdio] = await bothStarted(start, request, parts, signal);
    const made = createTask(shim, request, stdio, handler);
    creating = made;
    const pid = await waitOutside(waitFor(answered(made, shim), signal, "waiting for the shim"));
    const init = identityOf(pid, "the container's first process");
    writeMarker(id, { ...marker, init }, parts.paths);
    writeFileSync(parts.paths.container(id).pidFile, String(pid), { mode: 0o600 });
    parts.exits.watch(id, shim);
    return { monitor: shim.process, init };
  } catch (error) {
    await undo(request, creating, parts);
    throw during(`creating container ${id}`, error);
  }
}

/** The shim and what keeps the container's output don't wait for one another. */
async function bothStarted(start: ShimStart, request: CreateRequest, parts: ShimParts, signal: AbortSignal) {
  const [shim, stdio] = await Promise.allSettled([
    parts.shims.join(start, request.id, signal),
    startKeeper(request, parts, signal),
  ]);
  if (shim.status === "rejected") throw shim.reason;
  if (stdio.status === "rejected") throw stdio.reason;
  return [shim.value, stdio.value] as const;
}

/** @returns the pid of its first process */
async function createTask(
  { calls }: Shim,
  { id, bundle, tty: terminal, rootfs = [], restoreFrom: checkpoint = "" }: CreateRequest,
  stdio: KeptStdio,
  handler: ShimHandler,
): Promise<number> {
  const mounts = rootfs.map((mount) => ({ ...mount, options: [...mount.options], target: "" }));
  const options = encodeOptions(handler.type, handler.options);
  const { pid } = await calls.create({ id, bundle, rootfs: mounts, terminal, ...stdio, checkpoint, options });
  if (checkpoint === "") return pid;
  return (await calls.start({ id })).pid;
}

async function undo(
  { id, handler }: CreateRequest,
  creating: Promise<unknown> | undefined,
  parts: ShimParts,
): Promise<void> {
  try {
    // the shim goes on with it, whoever waits: what it makes must not come after its removal
    const limit = AbortSignal.timeout(abandonedDeadline);
    const shim = await parts.shims.of(id, limit).catch(() => undefined);
    if (creating !== undefined && shim !== undefined && !(await isSilent(shim))) {
      await waitFor(
        creating.catch(() => undefined),
        limit,
        "waiting for an abandoned create",
      ).catch(() => undefined);
    }
    await deleteByShim(id, handler, parts, AbortSignal.timeout(undoDeadline));
  } catch (error) {
    parts.host.log.error(
      { container: id, err: describeFault(error) },
      "a failed create could not be cleaned up",
    );
  }
}
