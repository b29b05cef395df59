import { waitFor } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import { findByPrefix } from "../base/prefix.ts";
import { checkpointPod } from "./checkpoint.ts";
import type { PodSandboxes } from "./contract.ts";
import { podName } from "./key.ts";
import type { PodParts } from "./parts.ts";
import { removePodSandbox } from "./remove.ts";
import { restorePod } from "./restore.ts";
import { runPodSandbox } from "./run.ts";
import type { PodSandboxRecord } from "./state.ts";
import { stopPodSandbox } from "./stop.ts";
import { updatePodResources } from "./update.ts";

/** The pod sandboxes of this node. A caller's signal ends its own wait, not the operation. */
export function openPodSandboxes(parts: PodParts): PodSandboxes {
  const { records } = parts.book;
  const find = (id: string): PodSandboxRecord | undefined =>
    findByPrefix(
      "pod sandbox",
      id,
      (exact) => records.get(exact as PodSandboxRecord["id"]),
      () => records.values(),
    );
  const get = (id: string): PodSandboxRecord => {
    const record = find(id);
    if (record === undefined) throw new Fault("notFound", `there is no pod sandbox ${id}`);
    return record;
  };
  return {
    async run(config, runtimeHandler, signal) {
      return await waitFor(
        runPodSandbox(config, runtimeHandler, parts),
        signal,
        `running pod ${podName(config)}`,
      );
    },
    async stop(id, signal) {
      const record = find(id);
      if (record !== undefined)
        await waitFor(stopPodSandbox(record.id, parts), signal, `stopping pod sandbox ${id}`);
    },
    async remove(id, signal) {
      const record = find(id);
      if (record !== undefined)
        await waitFor(removePodSandbox(record.id, parts), signal, `removing pod sandbox ${id}`);
    },
    async checkpoint(id, checkpoint, signal) {
      const doing = `checkpointing pod sandbox ${id}`;
      await waitFor(checkpointPod(get(id).id, checkpoint, parts, signal), signal, doing);
    },
    async restore(request, signal) {
      const own = AbortSignal.timeout(parts.host.config.deadline.runPod);
      const doing = `restoring pod ${podName(request.config)}`;
      return await waitFor(restorePod(request, parts, own), signal, doing);
    },
    async update(id, resources, signal) {
      const doing = `changing the resources of pod sandbox ${id}`;
      await waitFor(updatePodResources(get(id).id, resources, parts), signal, doing);
    },
    get,
    *list() {
      // One that is still being made is nobody's yet: its caller waits for the id, or its run fails.
      for (const record of records.values()) if (record.state.kind !== "making") yield record;
    },
  };
}
