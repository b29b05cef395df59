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
      ...pidNamespace(record, pins),
    },
  };
}

/**
 * Within a sandbox, it is named by the sandbox's own process, as containerd does: runtimes know it by that. There the sandbox's is
 * the nearest to the node's.
 */
function pidNamespace(
  { config, sandboxer, state }: PodSandboxRecord,
  pins: string,
): Pick<ContainerPod["namespaces"], "pid"> {
  const { pid } = config.security.namespaces;
  if (pid === "container" || (pid === "node" && sandboxer === undefined)) return {};
  if (sandboxer === undefined) return { pid: join(pins, "pid") };
  return state.kind === "ready" && state.init !== undefined
    ? { pid: `/proc/${state.init.init.pid}/ns/pid` }
    : {};
}

function refusal(record: PodSandboxRecord, book: PodBook): string | undefined {
  if (book.closing.has(record.id)) return "is being stopped";
  return record.state.kind === "ready" ? undefined : `is ${record.state.kind}`;
}
