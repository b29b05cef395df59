import * as cri from "../../wire/gen/runtime.v1.ts";

/** A PodSandboxConfig in which every field is set and right. */
export function wholePodSandboxConfig(): cri.PodSandboxConfig {
  return cri.PodSandboxConfig.create({
    metadata: { name: "web", uid: "uid-1", namespace: "default", attempt: 2 },
    hostname: "web",
    logDirectory: "/var/log/pods/web",
    dnsConfig: { servers: ["10.0.0.10", "fd00::10"], searches: ["svc.local"], options: ["ndots:5"] },
    portMappings: [
      { protocol: cri.Protocol.TCP, containerPort: 80, hostPort: 8080, hostIp: "127.0.0.1" },
      { protocol: cri.Protocol.UDP, containerPort: 53, hostPort: 0, hostIp: "" },
    ],
    labels: { app: "web" },
    annotations: { note: "x", "io.berth.shm-size": "128Mi" },
    linux: {
      cgroupParent: "/kubepods/besteffort/poduid-1",
      securityContext: {
        namespaceOptions: {
          network: cri.NamespaceMode.POD,
          pid: cri.NamespaceMode.CONTAINER,
          ipc: cri.NamespaceMode.POD,
          targetId: "",
          usernsOptions: {
            mode: cri.NamespaceMode.POD,
            uids: [{ hostId: 100_000, containerId: 0, length: 65_536 }],
            gids: [{ hostId: 100_000, containerId: 0, length: 65_536 }],
          },
        },
        selinuxOptions: { user: "u", role: "r", type: "t", level: "s0" },
        runAsUser: { value: 1000n },
        runAsGroup: { value: 1001n },
        supplementalGroups: [5n],
        supplementalGroupsPolicy: cri.SupplementalGroupsPolicy.Strict,
        seccomp: { profileType: cri.SecurityProfile_ProfileType.RuntimeDefault, localhostRef: "" },
        apparmor: { profileType: cri.SecurityProfile_ProfileType.Localhost, localhostRef: "web" },
      },
      sysctls: { "net.ipv4.ip_unprivileged_port_start": "0" },
      overhead: { cpuShares: 10n },
      resources: wholeResources(),
    },
  });
}

/** A ContainerConfig in which every field is set and right. */
export function wholeContainerConfig(): cri.ContainerConfig {
  return cri.ContainerConfig.create({
    metadata: { name: "main", attempt: 1 },
    image: { image: `sha256:${"a".repeat(64)}`, userSpecifiedImage: "busybox:1.36", annotations: { a: "b" } },
    command: ["sh"],
    args: ["-c", "true"],
    workingDir: "/work",
    envs: [{ key: "PATH", value: new TextEncoder().encode("/bin:/usr/bin") }],
    mounts: [
      {
        containerPath: "/data",
        hostPath: "/srv/data",
        readonly: true,
        recursiveReadOnly: true,
        uidMappings: [{ hostId: 1, containerId: 0, length: 1 }],
      },
      { containerPath: "/model", image: { image: "model:1" }, imageSubPath: "a/b", readonly: true },
    ],
    devices: [{ containerPath: "/dev/fuse", hostPath: "/dev/fuse", permissions: "rwm" }],
    labels: { app: "web" },
    annotations: { note: "x" },
    logPath: "main/0.log",
    stdin: true,
    stdinOnce: true,
    tty: true,
    linux: {
      resources: wholeResources(),
      securityContext: {
        capabilities: { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["ALL"] },
        namespaceOptions: {
          network: cri.NamespaceMode.POD,
          pid: cri.NamespaceMode.TARGET,
          ipc: cri.NamespaceMode.POD,
          targetId: "f".repeat(64),
        },
        runAsUser: { value: 1000n },
        runAsGroup: { value: 1000n },
        readonlyRootfs: true,
        supplementalGroups: [10n, 20n],
        noNewPrivs: true,
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
        seccomp: { profileType: cri.SecurityProfile_ProfileType.Localhost, localhostRef: "/etc/s.json" },
        apparmorProfile: "localhost/old",
      },
    },
    CDIDevices: [{ name: "vendor.com/gpu=0" }],
    stopSignal: cri.Signal.SIGNAL_SIGRTMINPLUS3,
  });
}

function wholeResources(): cri.LinuxContainerResources {
  return cri.LinuxContainerResources.create({
    cpuPeriod: 100_000n,
    cpuQuota: 50_000n,
    cpuShares: 512n,
    memoryLimitInBytes: 1n << 30n,
    oomScoreAdj: -997n,
    cpusetCpus: "0-3,7",
    cpusetMems: "0",
    hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
    unified: { "memory.high": "100M" },
    memorySwapLimitInBytes: 1n << 31n,
  });
}
