import type { Finding } from "./finding.ts";
import type { NodeView } from "./node-view.ts";

/** One part of the node that is looked at. Its code is read only when it is asked for. */
export interface Check {
  readonly name: string;
  /** What it looks at, for `--list`. */
  readonly about: string;
  load(): Promise<(node: NodeView) => Promise<Finding[]>>;
}

/** Every check, in the order in which they are shown: what others build on comes first. */
export const checks: readonly Check[] = [
  {
    name: "config",
    about: "mistakes in the configuration files, with file and line",
    load: async () => (await import("./checks/config.ts")).checkConfig,
  },
  {
    name: "daemon",
    about: "whether berth runs and answers, what it set aside or could not take away",
    load: async () => (await import("./checks/daemon.ts")).checkDaemon,
  },
  {
    name: "sockets",
    about:
      "who listens at berth's addresses, their owner and mode; other runtimes, where a kubelet is pointed",
    load: async () => (await import("./checks/sockets.ts")).checkSockets,
  },
  {
    name: "permissions",
    about: "owner and mode of directories, settings, secrets and programs; root and its capabilities",
    load: async () => (await import("./checks/permissions.ts")).checkPermissions,
  },
  {
    name: "kernel",
    about: "system calls, namespaces and file systems, each tried out",
    load: async () => (await import("./checks/kernel.ts")).checkKernel,
  },
  {
    name: "cgroups",
    about: "version, controllers, driver, and whether init and kubelet agree with it",
    load: async () => (await import("./checks/cgroups.ts")).checkCgroups,
  },
  {
    name: "runtimes",
    about: "OCI runtimes, conmon and what they need",
    load: async () => (await import("./checks/runtimes.ts")).checkRuntimes,
  },
  {
    name: "virtual-machines",
    about: "what handlers of virtual machines need: KVM, vsock, hypervisor, guest kernel and image",
    load: async () => (await import("./checks/virtual-machines.ts")).checkVirtualMachines,
  },
  {
    name: "apparmor",
    about: "whether containers are confined: the kernel, apparmor_parser, the profile that they get",
    load: async () => (await import("./checks/apparmor.ts")).checkApparmor,
  },
  {
    name: "cdi",
    about: "files of CDI devices, and the devices that containers can have by them",
    load: async () => (await import("./checks/cdi.ts")).checkCdi,
  },
  {
    name: "hooks",
    about: "files of OCI hooks, which are run for containers that fit",
    load: async () => (await import("./checks/hooks.ts")).checkHooks,
  },
  {
    name: "nri",
    about:
      "plugins that adjust containers (NRI): those to be launched, and whether they and others take part",
    load: async () => (await import("./checks/nri.ts")).checkNri,
  },
  {
    name: "checkpoint",
    about: "whether containers can be checkpointed: CRIU, tried out, and runtimes that know it",
    load: async () => (await import("./checks/checkpoint.ts")).checkCheckpoint,
  },
  {
    name: "users",
    about: "whether pods can have user namespaces (hostUsers: false) here",
    load: async () => (await import("./checks/users.ts")).checkUsers,
  },
  {
    name: "network",
    about: "CNI configurations and plugins, iptables, forwarding, subnets, leases",
    load: async () => (await import("./checks/network.ts")).checkNetwork,
  },
  {
    name: "disk",
    about: "space and inodes; file systems that overlays can't use; mount options",
    load: async () => (await import("./checks/disk.ts")).checkDisk,
  },
  {
    name: "limits",
    about: "open files, processes, inotify, keys, connection tracking",
    load: async () => (await import("./checks/limits.ts")).checkLimits,
  },
  {
    name: "memory",
    about: "free memory, pressure, kills for memory, swap",
    load: async () => (await import("./checks/memory.ts")).checkMemory,
  },
  {
    name: "clock",
    about: "the clock, by itself and beside those of registries",
    load: async () => (await import("./checks/clock.ts")).checkClock,
  },
  {
    name: "registries",
    about: "whether the registries and mirrors of certs.d, and those of --registry, answer",
    load: async () => (await import("./checks/registries.ts")).checkRegistries,
  },
  {
    name: "certificates",
    about: "certificates and keys of certs.d and of the streams",
    load: async () => (await import("./checks/certificates.ts")).checkCertificates,
  },
  {
    name: "leaks",
    about: "what no record accounts for (berth doctor --leaks names each)",
    load: async () => (await import("./checks/leaks.ts")).checkLeaks,
  },
];
