import { Fault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import type { PodCheckpointRequest } from "./contract.ts";
import { podName } from "./key.ts";
import type { PodParts } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** What a pod's archive says of the pod itself. (checkpointctl, lib/metadata.go) */
const podFile = "pod.dump";
const networkFile = "network.status";

/** Writes an archive of a pod that is ready: its containers, its config and its network. It runs on. */
export async function checkpointPod(
  id: PodSandboxId,
  { location, containers }: PodCheckpointRequest,
  parts: PodParts,
  signal: AbortSignal,
): Promise<void> {
  const record = parts.book.records.get(id);
  if (record === undefined) throw new Fault("notFound", `pod sandbox ${id} was removed`);
  if (record.state.kind !== "ready")
    throw new Fault(
      "wrongState",
      `pod ${podName(record.config)} can't be checkpointed: it is ${record.state.kind}`,
    );
  await parts.containers.checkpoint(id, { location, containers, documents: describePod(record) }, signal);
}

function describePod(record: PodSandboxRecord): ReadonlyMap<string, string> {
  const { id, config, handler, createdAt, state } = record;
  const dump = { version: 1, id, runtimeHandler: handler, createdAt: String(createdAt), config };
  const network = state.kind === "ready" ? state.network : {};
  const text = (value: object) => `${JSON.stringify(value, undefined, 2)}\n`;
  return new Map([
    [podFile, text(dump)],
    [networkFile, text(network)],
  ]);
}
