import { allPodOrderNames } from "./pod-orders.ts";
import * as read from "./reader.ts";
import type { Config, RdtClassConfig, RemoteSnapshotterConfig, RuntimeHandlerConfig } from "./schema.ts";

/** One setting: what it takes, and what it is when nobody sets it. */
export interface Setting<T> {
  readonly kind: "setting";
  readonly reader: read.Reader<T>;
  readonly default: T;
}

/** A TOML table with known keys. */
export interface Section<T> {
  readonly kind: "section";
  readonly keys: { readonly [Key in keyof T]: Node<T[Key]> };
}

/** A TOML table of sections by a name of the operator's choosing. */
export interface Named<T> {
  readonly kind: "named";
  /** A section under a name that nothing was set for. */
  readonly section: (name: string) => Section<T>;
  readonly names: readonly string[];
}

type Node<T> =
  | Setting<T>
  | (T extends readonly unknown[] ? never : T extends object ? Section<T> : never)
  | (T extends Readonly<Record<string, infer Item>> ? Named<Item> : never);

const second = 1000;
const mebibyte = 2 ** 20;

/** `default` is shown where the true one depends on another setting (`load.ts` fills it in). */
function setting<T>(reader: read.Reader<T>, value: NoInfer<T>): Setting<T> {
  return { kind: "setting", reader, default: value };
}

function section<T>(keys: Section<T>["keys"]): Section<T> {
  return { kind: "section", keys };
}

/** A runtime handler of that name. */
export const handlerSection = (name: string): Section<RuntimeHandlerConfig> =>
  section<RuntimeHandlerConfig>({
    type: setting(read.runtimeType, "oci"),
    binary: setting(read.text, name),
    args: setting(read.listOf(read.text), []),
    privilegedWithoutHostDevices: setting(read.flag, false),
    snapshotter: setting(read.text, ""),
    baseSpec: setting(read.text, ""),
    allowedAnnotations: setting(read.listOf(read.oneOf(...allPodOrderNames)), []),
    cgroupWritable: setting(read.flag, false),
    hooks: setting(read.listOf(read.hook), []),
    podAnnotations: setting(read.listOf(read.glob), []),
    containerAnnotations: setting(read.listOf(read.glob), []),
    sandboxer: setting(read.oneOf("auto", "none", "podsandbox", "shim"), "auto"),
    runtimePath: setting(read.text, ""),
    options: setting(read.tableOf(read.scalar), {}),
  });

const remoteSnapshotter = section<RemoteSnapshotterConfig>({
  address: setting(read.text, ""),
  namespace: setting(read.text, "k8s.io"),
  deadline: setting(read.duration, 60 * second),
});

const rdtClass = section<RdtClassConfig>({
  l3: setting(read.text, ""),
  memoryBandwidth: setting(read.text, ""),
});

/**
 * Every setting there is. `packaging/config.toml` explains each to operators; a test holds the two together.
 */
export const settings = section<Config>({
  root: setting(read.absolutePath, "/var/lib/berth"),
  state: setting(read.absolutePath, "/run/berth"),
  log: section<Config["log"]>({
    level: setting(read.oneOf("trace", "debug", "info", "warn", "error"), "info"),
    target: setting(read.oneOf("auto", "stdout", "journal"), "auto"),
    format: setting(read.oneOf("json", "text"), "json"),
  }),
  grpc: section<Config["grpc"]>({
    socket: setting(read.absolutePath, "/run/berth/berth.sock"),
    group: setting(read.text, "berth"),
    maxMessage: setting(read.size, 16 * mebibyte),
  }),
  metrics: section<Config["metrics"]>({
    address: setting(read.text, ""),
    peerNames: setting(read.listOf(read.oneOf("containerd", "crio")), []),
  }),
  streaming: section<Config["streaming"]>({
    address: setting(read.text, "127.0.0.1:0"),
    tls: setting(read.flag, false),
    certFile: setting(read.text, ""),
    keyFile: setting(read.text, ""),
    minTlsVersion: setting(read.oneOf("1.2", "1.3"), "1.2"),
    idleTimeout: setting(read.duration, 4 * 3600 * second),
    creationTimeout: setting(read.duration, 30 * second),
    maxStreams: setting(read.wholeNumber(1), 2000),
    maxPending: setting(read.wholeNumber(1), 1000),
  }),
  cgroup: section<Config["cgroup"]>({
    driver: setting(read.oneOf("cgroupfs", "systemd"), "cgroupfs"),
    parent: setting(read.text, "/berth"),
  }),
  kubelet: section<Config["kubelet"]>({
    cadvisor: setting(read.oneOf("none", "crio"), "none"),
    crioSocket: setting(read.absolutePath, "/run/crio/crio.sock"),
  }),
  runtime: section<Config["runtime"]>({
    default: setting(read.text, "crun"),
    handlers: { kind: "named", section: handlerSection, names: ["crun", "runc"] },
    conmon: setting(read.text, "conmon"),
    monitorCpus: setting(read.processors, ""),
    sharedCpus: setting(read.processors, ""),
    irqbalanceFile: setting(read.text, "/etc/default/irqbalance"),
    path: setting(read.text, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
  }),
  network: section<Config["network"]>({
    confDir: setting(read.absolutePath, "/etc/cni/net.d"),
    binDirs: setting(read.listOf(read.absolutePath), ["/opt/cni/bin", "/usr/lib/cni"]),
    maxConfs: setting(read.wholeNumber(1), 1),
    addDeadline: setting(read.duration, 120 * second),
    delDeadline: setting(read.duration, 60 * second),
    collectGarbage: setting(read.flag, false),
  }),
  registry: section<Config["registry"]>({
    configPath: setting(read.absolutePath, "/etc/berth/certs.d"),
    credentialsFile: setting(read.absolutePath, "/var/lib/berth/credentials.json"),
    authFiles: setting(read.listOf(read.absolutePath), []),
    searchRegistries: setting(read.listOf(read.text), ["docker.io"]),
    shortNameMode: setting(read.oneOf("permissive", "enforcing"), "permissive"),
    aliases: setting(read.tableOf(read.text), {}),
    blocked: setting(read.listOf(read.text), []),
    pullProgressTimeout: setting(read.duration, 60 * second),
    minimumPullRate: setting(read.size, 1024),
    maxConcurrentLayers: setting(read.wholeNumber(1), 16),
    maxConnectionsPerHost: setting(read.wholeNumber(1), 12),
    maxConnectionsPerLayer: setting(read.wholeNumber(1), 4),
  }),
  image: section<Config["image"]>({
    snapshotter: setting(read.text, "overlay"),
    keepLayerBlobs: setting(read.flag, false),
    keepUnfinished: setting(read.duration, 3600 * second),
    pinned: setting(read.listOf(read.imagePattern), []),
    maxManifest: setting(read.size, 4 * mebibyte),
    maxLayer: setting(read.size, 64 * 2 ** 30),
    maxLayers: setting(read.wholeNumber(1), 256),
    maxFiles: setting(read.wholeNumber(1), 2_000_000),
  }),
  snapshotters: section<Config["snapshotters"]>({
    btrfs: section<Config["snapshotters"]["btrfs"]>({ directory: setting(read.text, "") }),
    devmapper: section<Config["snapshotters"]["devmapper"]>({
      pool: setting(read.text, ""),
      baseSize: setting(read.size, 10 * 2 ** 30),
      fileSystem: setting(read.oneOf("ext4", "xfs"), "ext4"),
      discard: setting(read.flag, true),
    }),
    zfs: section<Config["snapshotters"]["zfs"]>({ dataset: setting(read.text, "") }),
  }),
  remoteSnapshotters: { kind: "named", section: () => remoteSnapshotter, names: [] },
  policy: section<Config["policy"]>({
    file: setting(read.text, ""),
    namespaceDirectory: setting(read.absolutePath, "/etc/berth/policies"),
    registriesDirectory: setting(read.absolutePath, "/etc/containers/registries.d"),
    gpgv: setting(read.text, "gpgv"),
    verifiers: section<Config["policy"]["verifiers"]>({
      directory: setting(read.text, ""),
      max: setting(read.wholeNumber(1), 10),
      timeout: setting(read.duration, 10 * second),
    }),
  }),
  decryption: section<Config["decryption"]>({
    keysDirectory: setting(read.absolutePath, "/etc/berth/ocicrypt/keys"),
    keyProviders: setting(read.absolutePath, "/etc/berth/ocicrypt/ocicrypt_keyprovider.conf"),
  }),
  container: section<Config["container"]>({
    rlimits: setting(read.listOf(read.rlimit), [
      { type: "RLIMIT_NOFILE", soft: 1_048_576, hard: 1_048_576 },
      { type: "RLIMIT_CORE", soft: -1, hard: -1 },
    ]),
    capabilities: setting(read.listOf(read.capability), [
      ...["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL"],
      ...["CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP"],
      ...["CAP_SETUID", "CAP_SYS_CHROOT"],
    ]),
    inheritableCapabilities: setting(read.flag, false),
    env: setting(read.listOf(read.variable), []),
    mounts: setting(read.listOf(read.bindMount), []),
    sysctls: setting(read.tableOf(read.text), {}),
    devices: setting(read.listOf(read.device), []),
    allowedDevices: setting(read.listOf(read.absolutePath), []),
    timezone: setting(read.timezone, ""),
    pidsLimit: setting(read.wholeNumber(0), 0),
    shmSize: setting(read.size, 64 * mebibyte),
    seccompProfile: setting(read.absolutePath, "/usr/share/containers/seccomp.json"),
    seccompStopAfter: setting(read.duration, 5 * second),
    logLineMax: setting(read.size, 16 * 1024),
    execOutputMax: setting(read.size, 16 * mebibyte),
  }),
  cdi: section<Config["cdi"]>({
    directories: setting(read.listOf(read.absolutePath), ["/etc/cdi", "/var/run/cdi"]),
  }),
  blockio: section<Config["blockio"]>({ file: setting(read.text, "") }),
  rdt: section<Config["rdt"]>({
    file: setting(read.text, ""),
    classes: { kind: "named", section: () => rdtClass, names: [] },
  }),
  hooks: section<Config["hooks"]>({
    directories: setting(read.listOf(read.absolutePath), [
      "/usr/share/containers/oci/hooks.d",
      "/etc/containers/oci/hooks.d",
    ]),
    always: setting(read.listOf(read.hook), []),
  }),
  nri: section<Config["nri"]>({
    disable: setting(read.flag, false),
    socketPath: setting(read.absolutePath, "/var/run/nri/nri.sock"),
    disableConnections: setting(read.flag, false),
    pluginPath: setting(read.absolutePath, "/opt/nri/plugins"),
    pluginConfigPath: setting(read.absolutePath, "/etc/nri/conf.d"),
    registrationTimeout: setting(read.duration, 5 * second),
    requestTimeout: setting(read.duration, 2 * second),
    validator: section<Config["nri"]["validator"]>({
      enable: setting(read.flag, false),
      rejectHooks: setting(read.flag, false),
      rejectRuntimeDefaultSeccomp: setting(read.flag, false),
      rejectUnconfinedSeccomp: setting(read.flag, false),
      rejectCustomSeccomp: setting(read.flag, false),
      rejectNamespaces: setting(read.flag, false),
      rejectSysctls: setting(read.flag, false),
      requiredPlugins: setting(read.listOf(read.text), []),
      tolerateMissingAnnotation: setting(read.text, ""),
    }),
  }),
  apparmor: section<Config["apparmor"]>({
    enable: setting(read.flag, true),
    profile: setting(read.text, "berth-default"),
  }),
  checkpoint: section<Config["checkpoint"]>({
    enable: setting(read.flag, true),
    images: setting(read.flag, false),
  }),
  deadline: section<Config["deadline"]>({
    runPod: setting(read.duration, 240 * second),
    stopPod: setting(read.duration, 120 * second),
    createContainer: setting(read.duration, 240 * second),
    startContainer: setting(read.duration, 240 * second),
    checkpoint: setting(read.duration, 240 * second),
    undo: setting(read.duration, 120 * second),
  }),
});
