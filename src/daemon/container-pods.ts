import type { Paths } from "../config/paths.ts";
import type { ContainerPod } from "../container/pod.ts";
import { monitorCgroup } from "../pod/cgroup.ts";
import { podHostname, podNamespacePaths } from "../pod/namespaces.ts";
import type { PodBook } from "../pod/parts.ts";
import type { PodSandboxRecord } from "../pod/state.ts";

/** A pod as its containers see it. */
export function podForContainers(record: PodSandboxRecord, book: PodBook, paths: Paths): ContainerPod {
  const { namespaces: pins, hostname, hosts, resolvConf, shm } = paths.pod(record.id);
  return {
    id: record.id,
    config: record.config,
    refuses: refusal(record, book),
    handler: record.handler,
    cgroup: record.cgroup,
    monitorCgroup: monitorCgroup(record),
    hostname: podHostname(record.config),
    files: { hostname, hosts, resolvConf, shm },
    namespaces: podNamespacePaths(record, pins),
  };
}

function refusal(record: PodSandboxRecord, book: PodBook): string | undefined {
  if (book.closing.has(record.id)) return "is being stopped";
  return record.state.kind === "ready" ? undefined : `is ${record.state.kind}`;
}
