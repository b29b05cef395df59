import type { ContainerId } from "../base/ids.ts";
import type { Metadata, RecordTable } from "../metadata/contract.ts";
import type { ContainerRecord, ContainerState } from "./state.ts";

const stateKinds: Record<ContainerState["kind"], true> = {
  making: true,
  created: true,
  checkpointed: true,
  running: true,
  exited: true,
  removing: true,
  stranded: true,
};

/** The containers' table. A row that lacks what every operation relies on is set aside by the database. */
export function containerRecords(metadata: Metadata): RecordTable<ContainerId, ContainerRecord> {
  return metadata.table("containers", parseContainerRecord);
}

function parseContainerRecord(value: unknown): ContainerRecord {
  const record = value as Partial<ContainerRecord>;
  if (!/^[0-9a-f]{64}$/.test(record.id ?? "")) throw new Error("its id is not 64 hexadecimal digits");
  if (!/^[0-9a-f]{64}$/.test(record.podId ?? ""))
    throw new Error("its pod's id is not 64 hexadecimal digits");
  if (typeof record.config?.metadata?.name !== "string") throw new Error("config.metadata.name is missing");
  const { state } = record;
  if (state === undefined || !Object.hasOwn(stateKinds, state.kind))
    throw new Error("its state is not known");
  if (
    (state.kind === "created" || state.kind === "running") &&
    typeof state.process?.init?.pid !== "number"
  ) {
    throw new Error("its process is not known");
  }
  if (typeof record.cgroup !== "string" || !record.cgroup.startsWith("/"))
    throw new Error("its cgroup is not a path");
  if (typeof record.handler !== "string") throw new Error("its runtime handler is missing");
  if (typeof record.createdAt !== "bigint") throw new Error("its creation time is missing");
  // Of a berth that had one snapshotter.
  return { snapshotter: "overlay", ...record } as ContainerRecord;
}
