import type { PodSandboxId } from "../base/ids.ts";
import type { Metadata, RecordTable } from "../metadata/contract.ts";
import type { PodSandboxRecord, PodSandboxState } from "./state.ts";

const stateKinds: Record<PodSandboxState["kind"], true> = {
  making: true,
  ready: true,
  stopping: true,
  stranded: true,
  stopped: true,
};

/** The pod sandboxes' table. A row that lacks what every operation relies on is set aside by the database. */
export function podSandboxRecords(metadata: Metadata): RecordTable<PodSandboxId, PodSandboxRecord> {
  return metadata.table("pod_sandboxes", parsePodSandboxRecord);
}

function parsePodSandboxRecord(value: unknown): PodSandboxRecord {
  const record = value as Partial<PodSandboxRecord>;
  if (!/^[0-9a-f]{64}$/.test(record.id ?? "")) throw new Error("its id is not 64 hexadecimal digits");
  if (typeof record.config?.metadata?.name !== "string") throw new Error("config.metadata.name is missing");
  if (record.config.security?.namespaces === undefined)
    throw new Error("config.security.namespaces is missing");
  if (record.state === undefined || !Object.hasOwn(stateKinds, record.state.kind))
    throw new Error("its state is not known");
  if (typeof record.cgroup !== "string" || !record.cgroup.startsWith("/"))
    throw new Error("its cgroup is not a path");
  if (typeof record.handler !== "string") throw new Error("its runtime handler is missing");
  if (typeof record.createdAt !== "bigint") throw new Error("its creation time is missing");
  return record as PodSandboxRecord;
}
