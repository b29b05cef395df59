import type { PodAttempt } from "./parts.ts";
import { removeSandboxByShim, startSandboxByShim } from "./sandbox-by-shim.ts";
import { hasOwnContainer, removeSandboxContainer, startSandboxContainer } from "./sandbox-container.ts";
import type { PodSandboxRecord } from "./state.ts";

/** Makes what the pod's containers are to run in, where they need more than its namespaces and cgroup. */
export async function startSandbox(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (record.sandboxer === "shim") await startSandboxByShim(record, attempt, signal);
  else if (hasOwnContainer(record)) await startSandboxContainer(record, attempt, signal);
}

/** Ends it, and what still runs in it. Succeeds when there is none. */
export async function removeSandbox(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (record.sandboxer === "shim") await removeSandboxByShim(record, attempt, signal);
  else if (hasOwnContainer(record)) await removeSandboxContainer(record, attempt, signal);
}
