import { monitorCgroup } from "./cgroup.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** Begins what the pod's containers are to share under a shim, which takes as long as the network's plugins. */
export async function prepareShim(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  if (record.sandboxer === "shim") return; // it starts with the sandbox
  const { id: pod, handler } = record;
  host.runtime.prepare({ pod, handler, monitorCgroup: monitorCgroup(record) });
}

export async function endPreparedShim(
  { id, handler }: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  await host.runtime.endPrepared(id, handler, signal);
}
