import { during, Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { LinuxResources } from "../spec/cri/resources.ts";
import type { ContainerParts } from "./parts.ts";

/** Changes the limits of a created or running container: those that `resources` sets, the others stay. */
export async function updateResources(
  id: ContainerId,
  resources: LinuxResources,
  { book, host }: ContainerParts,
  signal: AbortSignal,
): Promise<void> {
  using _container = await book.locks.hold(id, signal);
  const record = book.records.get(id);
  if (record === undefined) throw new Fault("notFound", `there is no container ${id}`);
  if (record.state.kind !== "created" && record.state.kind !== "running") {
    throw new Fault(
      "wrongState",
      `the resources of container ${id} can't be changed: it is ${record.state.kind}`,
    );
  }
  try {
    await host.runtime.update(id, record.handler, host.spec.resources(resources), signal);
  } catch (error) {
    throw during(`changing the resources of container ${record.config.metadata.name} (${id})`, error);
  }
  const set = Object.entries(resources).filter(([, value]) => value !== undefined);
  await book.records.put(id, { ...record, resources: { ...record.resources, ...Object.fromEntries(set) } });
}
