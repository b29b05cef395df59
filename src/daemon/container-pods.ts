import { join } from "node:path";
import type { Paths } from "../config/paths.ts";
import type { ContainerPod } from "../container/pod.ts";
import { monitorCgroup } from "../pod/cgroup.ts";
import { podHostname, podNamespaceKinds } from "../pod/namespaces.ts";
import type { PodBook } from "../pod/parts.ts";
import type { PodSandboxRecord } from "../pod/state.ts";

/** A pod as its containers see it. */
export function podForContainers(record: PodSandboxRecord, book: PodBook, paths: Paths): ContainerPod {
  const { namespaces: pins, hostname, hosts, resolvConf, shm } = paths.pod(record.id);
  const kinds = podNamespaceKinds(record.config);
  return {
    id: record.id,
    config: record.config,
    refuses: refusal(record, book),
    handler: record.handler,
    cgroup: record.cgroup,
    monitorCgroup: monitorCgroup(record),
    hostname: podHostname(record.config),
    files: { hostname, hosts, resolvConf, shm },
    namespaces: {
      ...(kinds.includes("net") ? { network: join(pins, "net") } : {}),
      ...(kinds.includes("uts") ? { uts: join(pins, "uts") } : {}),
      ...(record.config.security.namespaces.user === undefined ? {} : { user: join(pins, "user") }),
      ...(kinds.includes("ipc") ? { ipc: join(pins, "ipc") } : {}),
      ...(record.config.security.namespaces.pid === "pod" ? { pid: join(pins, "pid") } : {}),
    },
  };
}

function refusal(record: PodSandboxRecord, book: PodBook): string | undefined {
  if (book.closing.has(record.id)) return "is being stopped";
  return record.state.kind === "ready" ? undefined : `is ${record.state.kind}`;
}
