import { Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { describeRecorded } from "../container/nri/tell.ts";
import { stopContainer } from "../container/stop.ts";
import { changeResources } from "../container/update.ts";
import type { NriNode } from "../nri/contract.ts";
import { criResources } from "../nri/cri-resources.ts";
import { describePod } from "../pod/nri.ts";
import type { NodeParts } from "./plugins.ts";

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
    pods: () => Array.from(podSandboxes.list(), (record) => describePod(record, paths)),
    containers: () =>
      Array.from(book.records.values())
        .filter(({ state: { kind } }) => kind === "created" || kind === "checkpointed" || kind === "running")
        .map((record) => describeRecorded(record, host)),
    // one that is being created is not waited for: its create may wait for this
    update: async (id, resources) => changeResources(live(id).id, criResources(resources), containerParts),
    evict: async (id) => stopContainer(live(id), 0, containerParts),
  };
}
