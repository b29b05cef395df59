import { hostname } from "node:os";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { NamespaceKind } from "../linux/contract.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { PodAttempt } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** The namespaces that the pod has for itself. A pod on the host's network keeps the host's name too. */
export function podNamespaceKinds(config: PodSandboxConfig): NamespaceKind[] {
  const { network, ipc } = config.security.namespaces;
  const kinds: NamespaceKind[] = [];
  if (network !== "node") kinds.push("net", "uts");
  if (ipc !== "node") kinds.push("ipc");
  return kinds;
}

type NamespaceType = "network" | "uts" | "ipc" | "pid" | "user";

const ociTypes = { net: "network", uts: "uts", ipc: "ipc" } as const;

/** The namespaces that the pod has for itself and that are pinned in the directory `pins`, by their types as the OCI names them. */
export function pinnedNamespaces(config: PodSandboxConfig, pins: string) {
  const pinned = podNamespaceKinds(config).map((kind) => ({ type: ociTypes[kind], path: join(pins, kind) }));
  const user = { type: "user", path: join(pins, "user") } as const;
  return config.security.namespaces.user === undefined ? pinned : [...pinned, user];
}

/**
 * Where the pod's namespaces are, by their types as the OCI names them; without those that it shares with the node. `pid`: that its
 * containers share.
 *
 * @param pins the directory that they are pinned in
 */
export function podNamespacePaths(
  record: PodSandboxRecord,
  pins: string,
): Readonly<Partial<Record<NamespaceType, string>>> {
  const pid = podPidNamespace(record, pins);
  const pinned = pinnedNamespaces(record.config, pins).map(({ type, path }) => [type, path]);
  return { ...Object.fromEntries(pinned), ...(pid === undefined ? {} : { pid }) };
}

/**
 * Within a sandbox, it is named by the sandbox's own process, as containerd does: runtimes know it by that. There the sandbox's is
 * the nearest to the node's.
 */
function podPidNamespace({ config, sandboxer, state }: PodSandboxRecord, pins: string): string | undefined {
  const { pid } = config.security.namespaces;
  if (pid === "container" || (pid === "node" && sandboxer === undefined)) return undefined;
  if (sandboxer === undefined) return join(pins, "pid");
  return state.kind === "ready" && state.init !== undefined
    ? `/proc/${state.init.init.pid}/ns/pid`
    : undefined;
}

/** The host name that the pod sees. */
export function podHostname(config: PodSandboxConfig): string {
  return config.security.namespaces.network === "node" || config.hostname === ""
    ? hostname()
    : config.hostname;
}

/**
 * Which namespace a sysctl belongs to (Kubernetes: namespaced sysctls), or undefined for one of the whole node.
 */
function sysctlNamespace(name: string): NamespaceKind | undefined {
  if (name.startsWith("net.")) return "net";
  if (/^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name)) return "ipc";
  return undefined;
}

/** @throws {Fault} invalid for a sysctl of a namespace that the pod shares with the node */
function requirePodSysctls(config: PodSandboxConfig, kinds: readonly NamespaceKind[]): void {
  for (const name of Object.keys(config.sysctls)) {
    const dotted = name.replaceAll("/", ".");
    const kind = sysctlNamespace(dotted);
    if (kind === undefined) {
      throw new Fault(
        "invalid",
        `config.linux.sysctls: "${name}" is a setting of the whole node, not of a pod`,
      );
    }
    if (!kinds.includes(kind)) {
      throw new Fault(
        "invalid",
        `config.linux.sysctls: "${name}" needs a ${kind} namespace of the pod's own`,
      );
    }
  }
}

/** The pod's, and of the node's settings those whose namespaces the pod has for itself; names with dots. */
export function podSysctls(
  config: PodSandboxConfig,
  usual: Readonly<Record<string, string>>,
): Record<string, string> {
  const kinds = podNamespaceKinds(config);
  const ofPods = Object.entries(dotted(usual)).filter(([name]) => {
    const kind = sysctlNamespace(name);
    return kind !== undefined && kinds.includes(kind);
  });
  return { ...Object.fromEntries(ofPods), ...dotted(config.sysctls) };
}

function dotted(sysctls: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(sysctls).map(([name, value]) => [name.replaceAll("/", "."), value]),
  );
}

/** Makes the pod's directory, and in it the namespaces that it has for itself. @throws {Fault} invalid for a sysctl that is none of theirs */
export async function pinPodNamespaces(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  const kinds = podNamespaceKinds(record.config);
  requirePodSysctls(record.config, kinds);
  const directory = host.paths.pod(record.id).namespaces;
  await host.files.change([
    { change: "makeDirectory", path: host.paths.pod(record.id).directory, mode: 0o711 },
    { change: "makeDirectory", path: directory, mode: 0o700 },
  ]);
  const users = record.config.security.namespaces.user;
  if (kinds.length === 0 && users === undefined) return;
  const sysctls = podSysctls(record.config, host.config.container.sysctls);
  await host.namespaces.pin({
    directory,
    kinds,
    hostname: kinds.includes("uts") ? podHostname(record.config) : "",
    sysctls,
    users,
  });
}

/** Takes them away, and the pod's directory with whatever is left in it. */
export async function unpinPodNamespaces(record: PodSandboxRecord, { host }: PodAttempt): Promise<void> {
  await host.namespaces.unpin(host.paths.pod(record.id).namespaces);
  await host.files.change([{ change: "removeTree", path: host.paths.pod(record.id).directory }]);
}
