import { deadlineIn } from "../base/deadline.ts";
import { during, Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";
import { changeLimits, type LiveContainer } from "./limits/change-limits.ts";
import { mergeResources } from "./limits/merge-resources.ts";
import { type ResourceChange, withOwners } from "./limits/resource-change.ts";
import { tellPlugins, updateByPlugins } from "./nri/tell.ts";
import type { ContainerParts } from "./parts.ts";
import { ordersFor, withOrders } from "./processors/orders.ts";
import type { ContainerRecord } from "./state.ts";

/** How long a change may take, the wait for another operation on the container included. */
const updateDeadline: Ms = 60_000;

/** Changes the limits of a created or running container as asked for, and as plugins then want them. @throws {Fault} */
export async function updateResources(
  id: ContainerId,
  wanted: LinuxResources,
  parts: ContainerParts,
): Promise<void> {
  const record = requireLive(id, parts.book.records.get(id));
  using deadline = deadlineIn(updateDeadline);
  const { config } = parts.pods.get(record.podId);
  const orders = ordersFor(record.config, config, parts.host.config.runtime, record.handler);
  const given = await updateByPlugins(record, withOrders(wanted, orders), parts, deadline.signal);
  await changeResources(id, given, parts);
  const changed = parts.book.records.get(id);
  if (changed !== undefined) await tellPlugins("postUpdateContainer", changed, parts, deadline.signal);
}

/** Changes the limits of a created or running container: those that `resources` sets, the others stay. @throws {Fault} */
export async function changeResources(
  id: ContainerId,
  change: ResourceChange,
  { book, host }: ContainerParts,
): Promise<void> {
  using deadline = deadlineIn(updateDeadline);
  using _container = await book.locks.hold(id, deadline.signal);
  const record = requireLive(id, book.records.get(id));
  const wanted = change.resources;
  const doing = `changing the resources of container ${record.config.metadata.name} (${id})`;
  try {
    const { complete, takeBack } = await changeLimits(record, wanted, host, deadline.signal);
    const resources = mergeResources(record.resources, wanted, complete);
    try {
      await book.records.put(id, withOwners({ ...record, resources }, change));
    } catch (error) {
      await takeBack();
      throw error;
    }
    book.log.info({ pod: record.podId, container: id, resources }, "the container's resources are changed");
  } catch (error) {
    // An exit is recorded once this lock is let go.
    if (host.runtime.exitOf(id, record.state.process) === undefined) throw during(doing, error);
    throw new Fault("wrongState", `${doing}: it ended meanwhile`, { cause: error });
  }
}

function requireLive(id: ContainerId, record: ContainerRecord | undefined): LiveContainer {
  if (record === undefined) throw new Fault("notFound", `there is no container ${id}`);
  const { state } = record;
  if (state.kind === "created" || state.kind === "running") return { ...record, state };
  throw new Fault("wrongState", `the resources of container ${id} can't be changed: it is ${state.kind}`);
}
