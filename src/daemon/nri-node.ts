import { Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { describeRecorded } from "../container/nri/tell.ts";
import { stopContainer } from "../container/stop.ts";
import { changeResources } from "../container/update.ts";
import type { NriNode } from "../nri/contract.ts";
import { describePod } from "../pod/nri.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { NodeParts } from "./node-parts.ts";

/** This node as NRI plugins see it, and what they may do to it. */
export function nriNode({ podSandboxes, containerParts, paths }: NodeParts): NriNode {
  const { book, host } = containerParts;
  const live = (id: string) => {
    const record = book.records.get(id as ContainerId);
    const kind = record?.state.kind;
    if (record !== undefined && (kind === "created" || kind === "running")) return record;
    throw new Fault(
      record === undefined ? "notFound" : "wrongState",
      `container ${id} is ${kind ?? "not there"}`,
    );
  };
  return {
    pods: () =>
      Iterator.from(podSandboxes.list())
        .filter(hasBeenUp)
        .map((record) => describePod(record, paths))
        .toArray(),
    containers: () =>
      Array.from(book.records.values())
        .filter(({ state: { kind } }) => kind === "created" || kind === "checkpointed" || kind === "running")
        .map((record) => describeRecorded(record, host)),
    // one that is being created is not waited for: its create may wait for this
    update: async (id, resources, owners) =>
      changeResources(live(id).id, { resources, owners }, containerParts),
    evict: async (id, why) => {
      const record = live(id);
      book.evictions.set(record.id, why);
      try {
        await stopContainer(record, 0, containerParts);
      } finally {
        book.evictions.delete(record.id);
      }
    },
  };
}

/** Of the others plugins are not told. */
function hasBeenUp({ state }: PodSandboxRecord): boolean {
  return state.kind !== "making" && !(state.kind === "stranded" && state.from === "run");
}
