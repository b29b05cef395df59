import type { HookProgram, HookStage } from "../base/hook.ts";
import type { Bytes, Ms } from "../base/units.ts";

/**
 * The daemon's settings, merged and checked. `load.ts` makes one from TOML; `packaging/config.toml` explains each.
 */
export interface Config {
  /** What survives a reboot: database, content, snapshots, CNI results. */
  root: string;
  /** What a reboot clears: socket, lock, namespaces, bundles. */
  state: string;
  log: {
    level: "trace" | "debug" | "info" | "warn" | "error";
    /** "auto": the journal where standard output leads there. */
    target: "auto" | "stdout" | "journal";
    /** On standard output. */
    format: "json" | "text";
  };
  grpc: { socket: string; group: string; maxMessage: Bytes };
  metrics: {
    /** As `parseListenAddress` takes it; empty: none are kept, and nobody is answered. */
    address: string;
    /** Whose names the same figures are shown under, too. */
    peerNames: ("containerd" | "crio")[];
  };
  /** How Exec, Attach and PortForward are served. */
  streaming: {
    /** As `parseListenAddress` takes it, but no socket. */
    address: string;
    tls: boolean;
    /** In PEM; both empty: a certificate of the daemon's own. */
    certFile: string;
    keyFile: string;
    minTlsVersion: "1.2" | "1.3";
    /** Without a byte in either direction; 0: however long. */
    idleTimeout: Ms;
    /** From the connection to the last stream that the client has to open. */
    creationTimeout: Ms;
    /** Connections with their streams. */
    maxStreams: number;
    /** URLs that nobody has connected to yet. */
    maxPending: number;
  };
  cgroup: { driver: "cgroupfs" | "systemd" /** Where pods without a cgroup parent go. */; parent: string };
  kubelet: {
    /**
     * As what berth's pods are known to the kubelet's cAdvisor, which knows two runtimes: "crio" has cgroups named as
     * CRI-O's and `crioSocket`.
     */
    cadvisor: "none" | "crio";
    /** Where CRI-O would listen: the CRI, and what cAdvisor asks CRI-O for. */
    crioSocket: string;
  };
  runtime: {
    /**
     * The handler of pods that name none; when it cannot work here, the first in `handlers` that does is
     * used.
     */
    default: string;
    handlers: Record<string, RuntimeHandlerConfig>;
    conmon: string;
    /** Where monitors (conmon) may run, as in `0-3,7`; empty: everywhere. */
    monitorCpus: string;
    /** Those that containers with processors of their own may share besides; empty: none. */
    sharedCpus: string;
    /** Of irqbalance's settings, where containers keep interrupts away from processors; empty: it is left alone. */
    irqbalanceFile: string;
    /** For conmon and the OCI runtime. */
    path: string;
  };
  network: {
    confDir: string;
    binDirs: string[];
    /** How many conf files are used, by name; the kubelet's convention is 1. */
    maxConfs: number;
    addDeadline: Ms;
    delDeadline: Ms;
    /** At start, plugins of CNI 1.1 are told to drop whatever berth does not know (GC). */
    collectGarbage: boolean;
  };
  registry: {
    configPath: string;
    /** berth's own credentials; only who runs the daemon may be able to read it. */
    credentialsFile: string;
    /** Docker's config.json, containers' auth.json: asked after that, in order. */
    authFiles: string[];
    /** Where names without a registry are looked for, in order. */
    searchRegistries: string[];
    /** "enforcing": what could be in several registries is refused. */
    shortNameMode: "permissive" | "enforcing";
    /** The repository that a short name stands for, whatever `searchRegistries` says. */
    aliases: Record<string, string>;
    /** Registries, and beginnings of names, from which nothing is pulled. */
    blocked: string[];
    pullProgressTimeout: Ms;
    /** Of a layer, over `pullProgressTimeout`: bytes a second. */
    minimumPullRate: Bytes;
    maxConcurrentLayers: number;
    /** From which layers are fetched, of all pulls together. */
    maxConnectionsPerHost: number;
    maxConnectionsPerLayer: number;
  };
  image: {
    /** One of `knownSnapshotters`. */
    snapshotter: string;
    keepLayerBlobs: boolean;
    /** For the next pull of the same image; 0: nothing is kept. */
    keepUnfinished: Ms;
    /** Of images that are kept however long nobody uses them: `name`, `beginning*`, `*part*`. */
    pinned: string[];
    maxManifest: Bytes;
    maxLayer: Bytes;
    maxLayers: number;
    maxFiles: number;
  };
  /** What those of berth's own need that take more than a directory below `root`. */
  snapshotters: {
    btrfs: { /** On btrfs; empty: `snapshots/btrfs` below `root`. */ directory: string };
    devmapper: {
      /** A thin pool's name in /dev/mapper, which is for this berth alone. */
      pool: string;
      /** Of each container's file system. */
      baseSize: Bytes;
      fileSystem: "ext4" | "xfs";
      /** What containers remove is given back to the pool at once. */
      discard: boolean;
    };
    zfs: { /** Of which berth alone makes children. */ dataset: string };
  };
  /** Snapshotters in processes of their own, by the names that `image.snapshotter` and handlers give. */
  remoteSnapshotters: Record<string, RemoteSnapshotterConfig>;
  /** Which images may be used. */
  policy: {
    /** Of the node; empty: the usual one, when it is there. */
    file: string;
    /** Where `<namespace>.json` takes the place of the node's. */
    namespaceDirectory: string;
    /** Says where simple signatures lie. */
    registriesDirectory: string;
    gpgv: string;
    /** Empty: the usual directory, when it is there. */
    verifiers: { directory: string; max: number; timeout: Ms };
  };
  /** Keys for encrypted layers. */
  decryption: { keysDirectory: string; keyProviders: string };
  container: {
    rlimits: { type: string; soft: number; hard: number }[];
    capabilities: string[];
    /** Whether programs that may inherit capabilities get those of their container. */
    inheritableCapabilities: boolean;
    /** `NAME=value`, weaker than the image's and the pod's. */
    env: string[];
    /** As `parseMountText` takes them. */
    mounts: string[];
    /** Of the namespaces of pods, weaker than the pod's own. */
    sysctls: Record<string, string>;
    /** As `parseDeviceText` takes them: of every container. */
    devices: string[];
    /** Paths of the node's devices that pods may ask for by an annotation. */
    allowedDevices: string[];
    /** A zone of tzdata, or "Local", the node's; empty: the image's. */
    timezone: string;
    pidsLimit: number;
    shmSize: Bytes;
    seccompProfile: string;
    /** How long after its last refused system call a container is stopped whose pod wants that. */
    seccompStopAfter: Ms;
    logLineMax: Bytes;
    execOutputMax: Bytes;
  };
  /** Where CDI files are, the weakest first. Empty: no CDI. */
  cdi: { directories: string[] };
  blockio: { /** Of classes of block I/O, an absolute path; empty: there are none. */ file: string };
  /** Classes of a processor's caches and memory bandwidth that containers may have. */
  rdt: {
    /** A file of classes, as containerd's and CRI-O's rdt_config_file; empty: there is none. */
    file: string;
    /** Classes by name, stronger than those of the file. */
    classes: Record<string, RdtClassConfig>;
  };
  hooks: {
    /** Of hook files (oci-hooks(5)), the weakest first. */
    directories: string[];
    /** Of every container, before those of its handler and of files. */
    always: HookSetting[];
  };
  /** The node resource interface: plugins that adjust containers. */
  nri: {
    disable: boolean;
    /** Where plugins connect. */
    socketPath: string;
    /** Whether nobody may connect; those that the daemon launches still take part. */
    disableConnections: boolean;
    /** Of programs that are launched as plugins. */
    pluginPath: string;
    pluginConfigPath: string;
    registrationTimeout: Ms;
    requestTimeout: Ms;
    /** Rules for what plugins may adjust, and which have to be there. */
    validator: {
      enable: boolean;
      rejectHooks: boolean;
      rejectRuntimeDefaultSeccomp: boolean;
      rejectUnconfinedSeccomp: boolean;
      rejectCustomSeccomp: boolean;
      rejectNamespaces: boolean;
      rejectSysctls: boolean;
      /** Their names, without an index. */
      requiredPlugins: string[];
      /** With the value "true", it lets a pod's containers be made without; empty: nothing does. */
      tolerateMissingAnnotation: string;
    };
  };
  apparmor: {
    /** Whether containers have AppArmor profiles, where the kernel has AppArmor. */
    enable: boolean;
    /** Of containers that ask for the runtime's default, or for nothing; `unconfined`: none. */
    profile: string;
  };
  checkpoint: {
    /** Whether containers may be checkpointed and restored. */
    enable: boolean;
    /** Whether from images, too: what those hold is run with the rights that they say. */
    images: boolean;
  };
  deadline: { runPod: Ms; stopPod: Ms; createContainer: Ms; startContainer: Ms; checkpoint: Ms; undo: Ms };
}

/** A server of containerd's snapshots API. */
export interface RemoteSnapshotterConfig {
  /** Of a unix socket: an absolute path, or `unix://…`. */
  address: string;
  /** containerd's namespace, in which its snapshots are made. */
  namespace: string;
  /** For each call. */
  deadline: Ms;
}

/** What is in the resctrl group of a class, as lines of its file `schemata`; both empty: what the node has made there. */
export interface RdtClassConfig {
  l3: string;
  memoryBandwidth: string;
}

export interface RuntimeHandlerConfig {
  /** "oci": an OCI runtime under conmon. Else a shim, by containerd's name ("io.containerd.runc.v2") or an absolute path. */
  type: string;
  /** The OCI runtime of "oci": a name looked up in `runtime.path`, or an absolute path. */
  binary: string;
  args: string[];
  /** Passed to privileged containers: every host device, or none. */
  privilegedWithoutHostDevices: boolean;
  /** As image.snapshotter, for this handler's pods; empty: that one. */
  snapshotter: string;
  /** An OCI configuration that the handler's containers begin with, an absolute path; empty: none. */
  baseSpec: string;
  /** What pods of this handler may ask of berth by annotations, by names of `podOrderNames`. */
  allowedAnnotations: string[];
  /** Whether containers with a cgroup namespace of their own may change what is in it. */
  cgroupWritable: boolean;
  /** Of this handler's containers. */
  hooks: HookSetting[];
  /** Of a pod's annotations those that its containers' OCI configurations get, as patterns (`base/glob.ts`). */
  podAnnotations: string[];
  /** Of a container's annotations those that its OCI configuration gets although runtimes take orders by them. */
  containerAnnotations: string[];
  /** What makes the sandbox of its pods, as containerd names it; "auto": what the runtime needs. */
  sandboxer: "auto" | "none" | Sandboxer;
  /** The shim's program, an absolute path; empty: as `type` says, looked up in `runtime.path`. */
  runtimePath: string;
  /** The shim's own settings, under containerd's names (`shim-program.ts`); of "oci": the runtime's flags, by their names. */
  options: Record<string, ShimOption>;
}

/** A program that the OCI runtime runs at moments of containers' lives. */
export interface HookSetting extends HookProgram {
  readonly stages: readonly HookStage[];
}

/** "podsandbox": a container of the pod's own makes a pod's sandbox; "shim": the shim does, by the sandbox API. */
export type Sandboxer = "podsandbox" | "shim";

export type ShimOption = string | number | boolean;
