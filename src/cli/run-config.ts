import { basename } from "node:path";
import {
  ContainerConfig,
  LinuxContainerResources,
  LinuxContainerSecurityContext,
  NamespaceMode,
  NamespaceOption,
  PodSandboxConfig,
  SecurityProfile_ProfileType,
} from "../wire/gen/runtime.v1.ts";
import { madeByRunLabel } from "./find.ts";
import { pairs } from "./options.ts";
import { runLogDirectory } from "./remove-pod.ts";
import { parseEnv, parsePort, parseVolume } from "./run-flags.ts";

/** The flags of `berth run` that say what is run, as commander gives them. */
export interface RunFlags {
  readonly publish?: readonly string[];
  readonly env?: readonly string[];
  readonly volume?: readonly string[];
  readonly label?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly dns?: readonly string[];
  readonly hostname?: string;
  readonly hostnet?: boolean;
  readonly privileged?: boolean;
  readonly readOnly?: boolean;
  readonly user?: string;
  readonly workdir?: string;
  readonly entrypoint?: string;
  /** Cores. */
  readonly cpus?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly cgroupParent?: string;
}

const cpuPeriodUs = 100_000;
/** What a container that is not privileged need not see of the host, or not change. */
const maskedPaths = [
  ...["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...[
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
  ],
];
const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What the kubelet labels its pods with: crictl and others show a pod's name by it. */
function kubernetesLabels(name: string, uid: string): Record<string, string> {
  return {
    "io.kubernetes.pod.name": name,
    "io.kubernetes.pod.namespace": "default",
    "io.kubernetes.pod.uid": uid,
  };
}

/** The pod that `berth run` makes. `uid` is a new one. */
export function podConfig(name: string, uid: string, flags: RunFlags): PodSandboxConfig {
  return PodSandboxConfig.create({
    metadata: { name, uid, namespace: "default", attempt: 0 },
    hostname: flags.hostname ?? (flags.hostnet ? "" : name),
    logDirectory: runLogDirectory(uid),
    ...(flags.dns === undefined ? {} : { dnsConfig: { servers: [...flags.dns] } }),
    portMappings: (flags.publish ?? []).map(parsePort),
    labels: { ...kubernetesLabels(name, uid), ...pairs(flags.label), [madeByRunLabel]: name },
    linux: {
      cgroupParent: flags.cgroupParent ?? "",
      securityContext: {
        privileged: flags.privileged ?? false,
        namespaceOptions: namespaces(flags),
        seccomp: seccomp(flags),
      },
    },
  });
}

/** The one container of that pod. `command` overrides the image's. */
export function containerConfig(
  { name, uid }: { name: string; uid: string },
  image: string,
  command: readonly string[],
  flags: RunFlags,
): ContainerConfig {
  return ContainerConfig.create({
    metadata: { name, attempt: 0 },
    image: { image, userSpecifiedImage: image },
    command: flags.entrypoint === undefined ? [] : [flags.entrypoint],
    args: [...command],
    workingDir: flags.workdir ?? "",
    envs: (flags.env ?? []).map(parseEnv),
    mounts: (flags.volume ?? []).map(parseVolume),
    labels: {
      ...kubernetesLabels(name, uid),
      "io.kubernetes.container.name": name,
      ...pairs(flags.label),
      [madeByRunLabel]: name,
    },
    logPath: `${name}.log`,
    linux: { resources: resources(flags), securityContext: security(flags) },
  });
}

/** A name made from the image's: `busybox-3f2a`. */
export function nameFor(image: string, uid: string): string {
  const base = basename(image).replace(/[@:].*$/, "");
  return `${base.replaceAll(/[^a-z0-9-]/g, "-")}-${uid.slice(0, 4)}`;
}

function namespaces(flags: RunFlags): NamespaceOption {
  return NamespaceOption.create({
    network: flags.hostnet ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  });
}

function seccomp(flags: RunFlags) {
  const { RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
  return { profileType: flags.privileged ? Unconfined : RuntimeDefault, localhostRef: "" };
}

function resources(flags: RunFlags): LinuxContainerResources {
  return LinuxContainerResources.create({
    ...(flags.cpus === undefined
      ? {}
      : { cpuPeriod: BigInt(cpuPeriodUs), cpuQuota: BigInt(Math.round(flags.cpus * cpuPeriodUs)) }),
    ...(flags.memory === undefined ? {} : { memoryLimitInBytes: BigInt(flags.memory) }),
  });
}

function security(flags: RunFlags): LinuxContainerSecurityContext {
  return LinuxContainerSecurityContext.create({
    privileged: flags.privileged ?? false,
    readonlyRootfs: flags.readOnly ?? false,
    capabilities: {
      addCapabilities: [...(flags.capAdd ?? [])],
      dropCapabilities: [...(flags.capDrop ?? [])],
    },
    namespaceOptions: namespaces(flags),
    maskedPaths: flags.privileged ? [] : maskedPaths,
    readonlyPaths: flags.privileged ? [] : readonlyPaths,
    seccomp: seccomp(flags),
    ...userOf(flags.user),
  });
}

/** `1000`, `1000:1000` or a user's name. */
function userOf(user: string | undefined) {
  if (user === undefined) return {};
  const match = /^(\d+)(?::(\d+))?$/.exec(user);
  if (match === null) return { runAsUsername: user };
  const [, uid = "0", gid] = match;
  return {
    runAsUser: { value: BigInt(uid) },
    ...(gid === undefined ? {} : { runAsGroup: { value: BigInt(gid) } }),
  };
}
