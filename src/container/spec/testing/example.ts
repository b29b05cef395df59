import type { ContainerId, Digest, PodSandboxId } from "../../../base/ids.ts";
import { handlerSettings } from "../../../config/handler-settings.ts";
import { mergeLayers } from "../../../config/merge.ts";
import { settings } from "../../../config/settings.ts";
import type { ContainerConfig, ContainerSecurity, Mount } from "../../../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../../../spec/cri/pod-sandbox-config.ts";
import type { ContainerDefaults, ImageConfig } from "../../../spec/oci-image-config.ts";
import type { HostFacts, OciConfigInput, PodFacts } from "../input.ts";

const usual = mergeLayers(settings, []).config;
const defaultCapabilities = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"];

export const exampleSecurity: ContainerSecurity = {
  capabilities: { add: [], drop: [], addAmbient: [] },
  privileged: false,
  namespaces: { network: "pod", pid: "container", ipc: "pod" },
  runAsUsername: "",
  readonlyRootfs: false,
  supplementalGroups: [],
  supplementalGroupsPolicy: "merge",
  noNewPrivs: false,
  maskedPaths: [],
  readonlyPaths: [],
};

/** The smallest config that the kubelet could send. */
export const exampleConfig: ContainerConfig = {
  metadata: { name: "web", attempt: 0 },
  image: { image: "example.org/web:1", annotations: {}, userSpecifiedImage: "", runtimeHandler: "" },
  command: [],
  args: [],
  workingDir: "",
  envs: [],
  mounts: [],
  devices: [],
  cdiDevices: [],
  labels: {},
  annotations: {},
  logPath: "",
  stdin: false,
  stdinOnce: false,
  tty: false,
  resources: {},
  security: exampleSecurity,
  stopSignal: "",
};

export const exampleMount: Mount = {
  containerPath: "/data",
  hostPath: "/srv/data",
  readonly: false,
  recursiveReadOnly: false,
  selinuxRelabel: false,
  propagation: "private",
  uidMappings: [],
  gidMappings: [],
  imageSubPath: "",
  options: [],
};

const examplePodConfig: PodSandboxConfig = {
  metadata: { name: "pod", uid: "uid-1", namespace: "default", attempt: 0 },
  hostname: "pod-host",
  logDirectory: "",
  portMappings: [],
  labels: {},
  annotations: {},
  cgroupParent: "",
  security: {
    namespaces: { network: "pod", pid: "container", ipc: "pod" },
    readonlyRootfs: false,
    supplementalGroups: [],
    supplementalGroupsPolicy: "merge",
    privileged: false,
  },
  sysctls: {},
};

export const examplePod: PodFacts = {
  id: "b".repeat(64) as PodSandboxId,
  config: examplePodConfig,
  namespaces: { network: "/run/ns/net", ipc: "/run/ns/ipc", uts: "/run/ns/uts" },
  hostname: "pod-host",
  files: {
    hostname: "/run/pod/hostname",
    hosts: "/run/pod/hosts",
    resolvConf: "/run/pod/resolv.conf",
    shm: "/run/pod/shm",
  },
  cgroup: "/kubepods/pod1",
};

const exampleDefaults: ContainerDefaults = {
  User: "",
  Env: [],
  Entrypoint: ["/bin/web"],
  Cmd: ["--serve"],
  WorkingDir: "",
  Labels: {},
  Volumes: {},
  StopSignal: "",
  ExposedPorts: {},
};

export const exampleImage: ImageConfig = {
  architecture: "amd64",
  os: "linux",
  config: exampleDefaults,
  rootfs: { type: "layers", diff_ids: [`sha256:${"0".repeat(64)}` as Digest as never] },
};

const exampleHost: HostFacts = {
  cgroupVersion: 2,
  cgroup2Options: [],
  capabilities: [...defaultCapabilities, "CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
  seccomp: true,
  selinux: false,
  hugepageSizes: new Set(["2MB"]),
  swap: true,
  scopesHaveOomPolicy: true,
  oomScoreAdjMin: -1000,
  rlimitMax: new Map(),
  architecture: "amd64",
  kernel: { major: 6, minor: 1 },
};

/** Input that builds; tests change what they are about. */
export const exampleInput: OciConfigInput = {
  id: "c".repeat(64) as ContainerId,
  config: exampleConfig,
  pod: examplePod,
  image: { name: "example.org/web:1", defaults: exampleDefaults },
  rootfs: "/run/bundle/rootfs",
  settings: {
    container: { ...usual.container, rlimits: [], capabilities: defaultCapabilities },
    cgroups: { driver: "cgroupfs", owner: "berth" },
    handler: handlerSettings({}, "crun"),
    hooks: [],
  },
  host: exampleHost,
  runtime: { recursiveReadOnly: true, networkDevices: false, limitsInScope: false },
  found: {
    user: { uid: 0, gid: 0, supplementalGroups: [0] },
    mounts: [],
    declaredVolumes: new Map(),
    devices: [],
    nodeMounts: [],
    hostDevices: [],
    cdi: { edits: [], deviceNodes: [] },
    hooks: [],
  },
};

/** A container's config with some of its security context changed. */
export function withSecurity(security: Partial<ContainerSecurity>): ContainerConfig {
  return { ...exampleConfig, security: { ...exampleSecurity, ...security } };
}
