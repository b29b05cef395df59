import { posix } from "node:path";
import type { OciMount } from "../../spec/oci-runtime.ts";
import { containerDestination, criMount } from "./cri-mount.ts";
import type { OciConfigInput, PodFacts } from "./input.ts";
import type { PodOrders } from "./pod-orders.ts";
import { renamedDevices } from "./renamed-devices.ts";

type MountsInput = Pick<OciConfigInput, "config" | "pod" | "settings" | "host" | "runtime" | "found">;

/** The container's mounts in the order in which they are made, and what the root mount must spread. */
export interface ContainerMounts {
  readonly mounts: OciMount[];
  readonly rootfsPropagation: "rslave" | "rshared" | undefined;
}

/**
 * All mounts: first the kernel's file systems (OCI runtime spec, config-linux, Default Filesystems), then, the less
 * deep ones first, volumes of the image, the pod's files and what the caller asks for. A mount of the caller takes the place of a default
 * one at the same path, and hides default ones below it.
 *
 * @throws {Fault} as `criMount`
 */
export function containerMounts(input: MountsInput, orders: PodOrders): ContainerMounts {
  const { config, found, runtime } = input;
  const asked = config.mounts.map((mount, index) => criMount(mount, index, found.mounts[index], runtime));
  const taken = asked.map((mount) => mount.destination);
  const kernel = kernelMounts(input, orders);
  const defaults = kernel
    .map((mount) => ofBase(mount, input))
    .filter(
      ({ destination }) => !taken.some((path) => path === destination || destination.startsWith(`${path}/`)),
    );
  // Mounted below one of these, a pod's file would appear on the node.
  const shared = config.mounts
    .filter((mount) => mount.propagation === "bidirectional")
    .map((mount) => containerDestination(mount));
  const files = podFileMounts(input).filter(
    ({ destination }) =>
      !taken.includes(destination) && !shared.some((path) => destination.startsWith(`${path}/`)),
  );
  const declared = Array.from(
    found.declaredVolumes,
    ([destination, source]): OciMount => ({
      destination,
      type: "bind",
      source,
      options: ["rbind", "rprivate"],
    }),
  );
  const own = [...declared, ...files, ...renamedDevices(input), ...asked];
  const placed = [...nodeMounts(input, [...kernel, ...own]), ...own].sort(
    (a, b) => depth(a.destination) - depth(b.destination),
  );
  return { mounts: [...defaults, ...placed], rootfsPropagation: rootfsPropagation(config.mounts) };
}

function depth(path: string): number {
  return path.split("/").length;
}

function rootfsPropagation(mounts: MountsInput["config"]["mounts"]): ContainerMounts["rootfsPropagation"] {
  if (mounts.some((mount) => mount.propagation === "bidirectional")) return "rshared";
  return mounts.some((mount) => mount.propagation === "hostToContainer") ? "rslave" : undefined;
}

/** What the handler's base has at the place of a default mount. */
function ofBase(mount: OciMount, { config, found }: MountsInput): OciMount {
  const other = found.base?.mounts?.find(
    ({ destination }) => posix.normalize(destination) === mount.destination,
  );
  if (other === undefined) return mount;
  const isOpened = config.security.privileged && (other.type === "sysfs" || other.type === "cgroup");
  const options = other.options?.map((option) => (isOpened && option === "ro" ? "rw" : option));
  return { ...other, ...(options === undefined ? {} : { options }) };
}

/** Those of the handler's base and of the settings, where nothing else is. */
function nodeMounts({ found }: MountsInput, others: readonly OciMount[]): OciMount[] {
  const taken = new Set(others.map(({ destination }) => destination));
  const all = [...(found.base?.mounts ?? []), ...found.nodeMounts].map((mount) => ({
    ...mount,
    destination: posix.resolve(mount.destination),
  }));
  const last = new Map(all.map((mount) => [mount.destination, mount]));
  return [...last.values()].filter(({ destination }) => !taken.has(destination));
}

function kernelMounts(
  { config, pod, settings, host, runtime }: MountsInput,
  { cgroupWritable = settings.handler.cgroupWritable }: PodOrders,
): OciMount[] {
  const { privileged } = config.security;
  const hidden = ["nosuid", "noexec", "nodev"];
  const devpts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: hidden },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: devpts },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: hidden },
    sysMount(privileged, pod, runtime.recursiveReadOnly),
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [
        ...hidden,
        "relatime",
        // In a cgroup namespace of its own, a container can change its own group and those below only.
        privileged || (cgroupWritable && host.cgroupVersion === 2) ? "rw" : "ro",
        // In the host's cgroup namespace, a new mount sets the options of the one there is.
        ...(host.cgroupVersion === 2 && privileged ? host.cgroup2Options : []),
      ],
    },
  ];
}

/** A user namespace can't mount a sysfs for the node's network namespace: bind what the node has. */
function sysMount(privileged: boolean, pod: PodFacts, recursiveReadOnly: boolean): OciMount {
  const hidden = ["nosuid", "noexec", "nodev"];
  if (pod.namespaces.user !== undefined && pod.namespaces.network === undefined) {
    const options = ["rbind", "rprivate", recursiveReadOnly ? "rro" : "ro", ...hidden];
    return { destination: "/sys", type: "bind", source: "/sys", options };
  }
  return {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: [...hidden, privileged ? "rw" : "ro"],
  };
}

function podFileMounts({ config, pod }: MountsInput): OciMount[] {
  const { namespaces, readonlyRootfs } = config.security;
  const file = (destination: string, source: string): OciMount => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", "rprivate", readonlyRootfs ? "ro" : "rw"],
  });
  return [
    file("/etc/hostname", pod.files.hostname),
    file("/etc/hosts", pod.files.hosts),
    file("/etc/resolv.conf", pod.files.resolvConf),
    namespaces.ipc === "container" ? ownShm() : podShm(pod),
  ];
}

function podShm(pod: PodFacts): OciMount {
  const source = pod.config.security.namespaces.ipc === "node" ? "/dev/shm" : pod.files.shm;
  return { destination: "/dev/shm", type: "bind", source, options: ["rbind", "rprivate", "rw"] };
}

function ownShm(): OciMount {
  const options = ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"];
  return { destination: "/dev/shm", type: "tmpfs", source: "shm", options };
}
