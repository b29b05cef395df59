import { handlerSettings } from "../config/handler-settings.ts";
import { identityAnnotations, passedPodAnnotations } from "../spec/cri/annotations.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import { ociMappings } from "../spec/oci-mappings.ts";
import { type OciConfig, type OciMount, type OciNamespace, oldestOciVersion } from "../spec/oci-runtime.ts";
import { sandboxCgroupsPath } from "./cgroup.ts";
import { pinnedNamespaces, podHostname, podNamespaceKinds, podSysctls } from "./namespaces.ts";
import type { PodHost } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** Needs no right, and has none. */
const nobody = 65_534;

/**
 * The OCI config of a pod's own container: its program in the pod's namespaces, without rights. A runtime that makes a sandbox of
 * it learns from it all that it has to know of the pod: its network namespace, name, size, and what its containers share.
 */
export function sandboxConfig(
  record: PodSandboxRecord,
  host: Pick<PodHost, "paths" | "config">,
  { rootfs, program, oomScoreAdj }: { rootfs: string; program: string; oomScoreAdj: number },
): OciConfig {
  const { config } = record;
  const users = config.security.namespaces.user;
  const id = users === undefined ? nobody : Math.min(nobody, users.uids.length - 1, users.gids.length - 1);
  const { podAnnotations } = handlerSettings(host.config.runtime.handlers, record.handler);
  const makesSandbox = record.sandboxer !== undefined;
  const hasName = podNamespaceKinds(config).includes("uts"); // else it is the node's, which no runtime may change
  const parts: Omit<OciConfig, "ociVersion"> = {
    process: {
      user: { uid: id, gid: id },
      args: [program],
      env: [],
      cwd: "/",
      noNewPrivileges: true,
      oomScoreAdj,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
    },
    root: { path: rootfs, readonly: true },
    ...(makesSandbox && hasName ? { hostname: podHostname(config) } : {}),
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      ...(makesSandbox ? sharedMounts(record, host) : []),
    ],
    annotations: {
      ...passedPodAnnotations(config.annotations, podAnnotations),
      ...(makesSandbox ? sizeAnnotations(config) : {}),
      ...identityAnnotations("sandbox", { id: record.id, metadata: config.metadata }),
      "io.kubernetes.cri.sandbox-log-directory": config.logDirectory,
    },
    linux: {
      ...ociMappings(users),
      namespaces: sandboxNamespaces(record, host),
      cgroupsPath: sandboxCgroupsPath(record, host.config.cgroup.driver),
      resources: { devices: [{ allow: false, access: "rwm" }] },
      // those of the pod's namespaces on this host are set; a kernel of its own has others
      ...(makesSandbox ? { sysctl: podSysctls(config, host.config.container.sysctls) } : {}),
    },
  };
  return { ociVersion: oldestOciVersion(parts), ...parts };
}

function sandboxNamespaces({ id, config }: PodSandboxRecord, { paths }: Pick<PodHost, "paths">) {
  const namespaces: OciNamespace[] = [
    ...(config.security.namespaces.pid === "node" ? [] : [{ type: "pid" } as const]),
    { type: "mount" },
    ...pinnedNamespaces(config, paths.pod(id).namespaces),
  ];
  return namespaces;
}

/** What a sandbox takes from its own container for those that follow: the kernel's file systems, name servers, shared memory. */
function sharedMounts({ id, config }: PodSandboxRecord, { paths }: Pick<PodHost, "paths">): OciMount[] {
  const { resolvConf, shm } = paths.pod(id);
  const plain = ["nosuid", "noexec", "nodev"];
  return [
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...plain, "ro"] },
    {
      destination: "/dev/shm",
      type: "bind",
      source: config.security.namespaces.ipc === "node" ? "/dev/shm" : shm,
      options: ["rbind", "ro", ...plain],
    },
    { destination: "/etc/resolv.conf", type: "bind", source: resolvConf, options: ["rbind", "ro", ...plain] },
  ];
}

/** What the pod's containers may use together, as containerd tells it; a caller that is older than 1.23 does not say. */
export function sizeAnnotations({ resources }: Pick<PodSandboxConfig, "resources">): Record<string, string> {
  if (resources === undefined) return {};
  const { cpuPeriodUs = 0, cpuQuotaUs = 0, cpuShares = 0, memoryLimit = 0 } = resources;
  return {
    "io.kubernetes.cri.sandbox-cpu-period": String(cpuPeriodUs),
    "io.kubernetes.cri.sandbox-cpu-quota": String(cpuQuotaUs),
    "io.kubernetes.cri.sandbox-cpu-shares": String(cpuShares),
    "io.kubernetes.cri.sandbox-memory": String(memoryLimit),
  };
}
