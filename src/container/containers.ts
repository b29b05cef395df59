import { waitFor } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { findByPrefix } from "../base/prefix.ts";
import { checkpointContainer } from "./checkpoint/checkpoint.ts";
import type { Containers } from "./contract.ts";
import { createContainer } from "./create.ts";
import { execSync } from "./exec-sync.ts";
import type { ContainerParts } from "./parts.ts";
import { removeContainer } from "./remove.ts";
import { startContainer } from "./start.ts";
import type { ContainerRecord } from "./state.ts";
import { stopContainer } from "./stop.ts";
import { requireRunning } from "./streams.ts";
import { updateResources } from "./update.ts";

/** The containers of this node. A caller's signal ends its own wait, not the operation (but that of an exec). */
export function openContainers(parts: ContainerParts): Containers {
  const { records, byPod } = parts.book;
  const find = (id: string): ContainerRecord | undefined =>
    findByPrefix(
      "container",
      id,
      (exact) => records.get(exact as ContainerRecord["id"]),
      () => records.values(),
    );
  const get = (id: string): ContainerRecord => {
    const record = find(id);
    if (record === undefined) throw new Fault("notFound", `there is no container ${id}`);
    return record;
  };
  return {
    async create(podId, config, signal) {
      return await waitFor(
        createContainer(podId, config, parts),
        signal,
        `creating container ${config.metadata.name}`,
      );
    },
    async start(id, signal) {
      await waitFor(startContainer(get(id), parts), signal, `starting container ${id}`);
    },
    async stop(id, grace, signal) {
      const record = find(id);
      if (record !== undefined)
        await waitFor(stopContainer(record, grace, parts), signal, `stopping container ${id}`);
    },
    async remove(id, signal) {
      const record = find(id);
      if (record !== undefined)
        await waitFor(removeContainer(record.id, parts), signal, `removing container ${id}`);
    },
    async update(id, resources, signal) {
      const doing = `changing the resources of container ${id}`;
      await waitFor(updateResources(get(id).id, resources, parts), signal, doing);
    },
    async checkpoint(id, checkpoint, signal) {
      await waitFor(checkpointContainer(get(id), checkpoint, parts), signal, `checkpointing container ${id}`);
    },
    async execSync(id, command, timeout, signal) {
      return await execSync(get(id), { command, timeout }, parts, signal);
    },
    async reopenLog(id, signal) {
      const record = requireRunning(get(id), "open its log anew");
      await parts.host.runtime.reopenLog(record.id, signal);
    },
    get,
    list: () => shown(records.values()),
    ofPod: (pod) => shown(byPod.all(pod)),
  };
}

/** One that is still being made is nobody's yet: its caller waits for the id, or its create fails. */
function* shown(records: Iterable<ContainerRecord>): Generator<ContainerRecord> {
  for (const record of records) if (record.state.kind !== "making") yield record;
}
