import { join } from "node:path";
import { deadlineIn } from "../base/deadline.ts";
import { describeFault } from "../base/fault.ts";
import { killLeft } from "./cgroup.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

function hasOwnNetwork(record: PodSandboxRecord): boolean {
  return record.config.security.namespaces.network !== "node";
}

/** CNI ADD, within `network.addDeadline`. Does nothing for a pod in the node's network. @throws {Fault} as `PodNetwork.attach` */
export async function attachNetwork(
  record: PodSandboxRecord,
  attempt: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!hasOwnNetwork(record)) return;
  const { paths, config, network } = attempt.host;
  using deadline = deadlineIn(config.network.addDeadline, signal);
  attempt.network = await network.attach(
    {
      id: record.id,
      metadata: record.config.metadata,
      netns: join(paths.pod(record.id).namespaces, "net"),
      portMappings: record.config.portMappings,
      ...(record.config.dns === undefined ? {} : { dns: record.config.dns }),
      annotations: record.config.annotations,
      cgroupPath: record.cgroup,
    },
    deadline.signal,
  );
}

/**
 * A plugin that fails or is gone must not keep the pod from being removed: what it could not give back is left to the
 * network's retries in the background.
 */
export async function detachNetwork(
  record: PodSandboxRecord,
  { host }: PodAttempt,
  signal: AbortSignal,
): Promise<void> {
  if (!hasOwnNetwork(record)) return;
  await killLeft(record, host, signal); // its address may be another pod's next
  const netns = join(host.paths.pod(record.id).namespaces, "net");
  try {
    using deadline = deadlineIn(host.config.network.delDeadline, signal);
    await host.network.detach(record.id, netns, deadline.signal);
  } catch (error) {
    await host.network.abandon(record.id, describeFault(error));
  }
}
