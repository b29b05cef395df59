import type { HookStage } from "../base/hook.ts";
import type { Bytes } from "../base/units.ts";
import type { CdiIntelRdt } from "./cdi/format.ts";

/**
 * The OCI runtime configuration (`config.json`), as berth writes it: OCI runtime spec v1.2, config and config-linux.
 * Field names are the format's own. What berth never writes (other systems) is left out.
 */
export interface OciConfig {
  ociVersion: string;
  process: OciProcess;
  root: { path: string; readonly?: boolean };
  hostname?: string;
  mounts: OciMount[];
  hooks?: Partial<Record<HookStage, OciHook[]>>;
  annotations?: Record<string, string>;
  linux: OciLinux;
}

/** config, POSIX-platform Hooks. */
export interface OciHook {
  /** Absolute. */
  path: string;
  args?: string[];
  env?: string[];
  /** Seconds. */
  timeout?: number;
}

/** config, Process. */
export interface OciProcess {
  terminal?: boolean;
  consoleSize?: { height: number; width: number };
  user: OciUser;
  args: string[];
  env: string[];
  /** Absolute. */
  cwd: string;
  capabilities?: OciCapabilities;
  rlimits?: OciRlimit[];
  noNewPrivileges?: boolean;
  apparmorProfile?: string;
  oomScoreAdj?: number;
  selinuxLabel?: string;
  /** `class` as in `IOPRIO_CLASS_BE` (ioprio_set(2)). */
  ioPriority?: { class: string; priority: number };
  scheduler?: OciScheduler;
}

/** config, Linux process: as sched_setattr(2) takes it; names as in `SCHED_BATCH` and `SCHED_FLAG_RECLAIM`. */
interface OciScheduler {
  policy: string;
  nice: number;
  priority: number;
  flags: string[];
  /** Nanoseconds, as the next two. */
  runtime: number;
  deadline: number;
  period: number;
}

/** config, User (POSIX). */
interface OciUser {
  uid: number;
  gid: number;
  umask?: number;
  additionalGids?: number[];
}

/** config, Linux process: the five capability sets of a process (capabilities(7)), names as in `CAP_CHOWN`. */
export interface OciCapabilities {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
}

/** config, POSIX process: `type` as in `RLIMIT_NOFILE`. */
export interface OciRlimit {
  type: string;
  soft: number;
  hard: number;
}

/** config, Mounts. `options` as in fstab, and the OCI's own (`rbind`, `rro`, `rslave`, …). */
export interface OciMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** config-linux. */
export interface OciLinux {
  uidMappings?: OciIdMapping[];
  gidMappings?: OciIdMapping[];
  sysctl?: Record<string, string>;
  resources?: OciResources;
  /** An absolute path from the root of the cgroup hierarchies, or `slice:prefix:name` for a systemd cgroup driver. */
  cgroupsPath?: string;
  namespaces: OciNamespace[];
  devices?: OciDevice[];
  seccomp?: OciSeccomp;
  /** Propagation of the root mount: `private`, `rslave`, `rshared`. */
  rootfsPropagation?: string;
  maskedPaths?: string[];
  readonlyPaths?: string[];
  mountLabel?: string;
  intelRdt?: CdiIntelRdt;
  /** config-linux, Network Devices: by the host's name of the interface. */
  netDevices?: Record<string, { name: string }>;
  /** config-linux, Memory policy: as set_mempolicy(2) takes it; names as in `MPOL_BIND`. */
  memoryPolicy?: { mode: string; nodes: string; flags: string[] };
}

/** config-linux, Namespaces. Without `path` the runtime makes a new one; a namespace that is not listed is the host's. */
export interface OciNamespace {
  type: "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";
  path?: string;
}

/** config-linux, Devices: a device node that the runtime makes in the container. */
export interface OciDevice {
  path: string;
  type: "c" | "b" | "p";
  major: number;
  minor: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

/** config-linux, Control groups. Also what `runc update --resources` reads. */
export interface OciResources {
  devices?: OciDeviceRule[];
  memory?: OciMemory;
  cpu?: OciCpu;
  pids?: { limit: number };
  blockIO?: OciBlockIo;
  hugepageLimits?: { pageSize: string; limit: Bytes }[];
  /** cgroup v2 file names to values. */
  unified?: Record<string, string>;
}

/** config-linux, Allowed device list. An absent number stands for all. */
export interface OciDeviceRule {
  allow: boolean;
  type?: "a" | "c" | "b";
  major?: number;
  minor?: number;
  /** Some of `r`, `w`, `m`. */
  access?: string;
}

/** config-linux, Memory. -1: no limit. */
export interface OciMemory {
  limit?: Bytes;
  reservation?: Bytes;
  /** Memory and swap together, on cgroup v2 too (the runtime converts). */
  swap?: Bytes;
  /** Of cgroup v1 alone, as the next one. */
  kernel?: Bytes;
  kernelTCP?: Bytes;
  swappiness?: number;
  disableOOMKiller?: boolean;
  useHierarchy?: boolean;
}

/** config-linux, Block IO: weights from 10 to 1000, rates a second. */
export interface OciBlockIo {
  weight?: number;
  weightDevice?: { major: number; minor: number; weight: number }[];
  throttleReadBpsDevice?: OciThrottle[];
  throttleWriteBpsDevice?: OciThrottle[];
  throttleReadIOPSDevice?: OciThrottle[];
  throttleWriteIOPSDevice?: OciThrottle[];
}

interface OciThrottle {
  major: number;
  minor: number;
  rate: number;
}

/** config-linux, CPU. */
export interface OciCpu {
  shares?: number;
  /** Microseconds. */
  quota?: number;
  /** Microseconds. */
  period?: number;
  /** Linux list format. */
  cpus?: string;
  /** Linux list format. */
  mems?: string;
  idle?: number;
  burst?: number;
  /** Microseconds. */
  realtimeRuntime?: number;
  /** Microseconds. */
  realtimePeriod?: number;
}

/** config-linux, Seccomp. */
export interface OciSeccomp {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  flags?: string[];
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: OciSyscallRule[];
}

export interface OciSyscallRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: OciSyscallArg[];
}

interface OciSyscallArg {
  index: number;
  value: number;
  valueTwo?: number;
  op: string;
}

const mountOptionsOf11 = new Set([
  "rro",
  "rrw",
  "rnosuid",
  "rsuid",
  "rnodev",
  "rdev",
  "rnoexec",
  "rexec",
  "rnoatime",
  "ratime",
  "rnodiratime",
  "rdiratime",
  "rrelatime",
  "rnorelatime",
  "rstrictatime",
  "rnostrictatime",
  "rnosymfollow",
  "rsymfollow",
  "tmpcopyup",
]);

const actionsOf11 = new Set(["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_NOTIFY"]);

/**
 * The oldest `ociVersion` that has everything `config` uses. Runtimes refuse a version above the one they know, even
 * when they know every field of it.
 */
export function oldestOciVersion(config: Omit<OciConfig, "ociVersion">): string {
  const options = config.mounts.flatMap((mount) => mount.options ?? []);
  const { linux, mounts, process } = config;
  const { schemata, enableMonitoring } = linux.intelRdt ?? {};
  if (linux.netDevices !== undefined || linux.memoryPolicy !== undefined) return "1.3.0";
  if (schemata !== undefined || enableMonitoring !== undefined) return "1.3.0";
  if (options.some((option) => option === "idmap" || option === "ridmap")) return "1.2.0";
  const newInOneOne =
    process.ioPriority !== undefined ||
    process.scheduler !== undefined ||
    options.some((option) => mountOptionsOf11.has(option)) ||
    mounts.some((mount) => mount.uidMappings !== undefined || mount.gidMappings !== undefined) ||
    linux.namespaces.some((namespace) => namespace.type === "time") ||
    linux.resources?.unified !== undefined ||
    linux.resources?.cpu?.idle !== undefined ||
    linux.resources?.cpu?.burst !== undefined ||
    seccompNeedsOneOne(linux.seccomp);
  return newInOneOne ? "1.1.0" : "1.0.2";
}

function seccompNeedsOneOne(seccomp: OciSeccomp | undefined): boolean {
  if (seccomp === undefined) return false;
  return (
    actionsOf11.has(seccomp.defaultAction) ||
    seccomp.defaultErrnoRet !== undefined ||
    seccomp.listenerPath !== undefined ||
    (seccomp.syscalls ?? []).some((rule) => rule.errnoRet !== undefined || actionsOf11.has(rule.action))
  );
}
