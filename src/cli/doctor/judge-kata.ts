import type { KataConfiguration } from "../../spec/kata-configuration.ts";
import { type Finding, note, ok, problem, warning } from "./finding.ts";

/** How a handler's virtual machines are made, and what of that is on this machine. */
export interface KataHandler {
  readonly name: string;
  /** Of its pods. */
  readonly snapshotter: string;
  /** The setting snapshotters.devmapper.pool. */
  readonly pool: string;
  /** Where its configuration was found. */
  readonly file: string;
  readonly configuration: KataConfiguration;
  /** Why a file or device can't be used ("is not there"); undefined: it can. */
  readonly obstacle: (path: string, as: "program" | "file" | "device") => string | undefined;
}

const noPods = "pods with this handler can't start";

/** How a device is had that is missing. */
const modules: Readonly<Record<string, string>> = {
  "/dev/kvm":
    "modprobe kvm_intel or kvm_amd; virtualisation has to be on in the firmware, or passed on to this machine by its host",
  "/dev/vhost-vsock": "modprobe vhost_vsock",
  "/dev/vhost-net": "modprobe vhost_net, or set disable_vhost_net = true",
};

/** Hypervisors whose connection to the guest is a device of the kernel's. The others give it as a socket. */
const usesKernelsVsock = ["qemu", "stratovirt"];

/** Whether the handler's pods can have virtual machines: device by device, and what the configuration names. */
export function judgeKata(handler: KataHandler): Finding[] {
  const { name, file, configuration } = handler;
  const { hypervisor } = configuration;
  if (hypervisor === "remote")
    return [ok(`${name}: virtual machines elsewhere (hypervisor "remote" of ${file})`)];
  const found = [...missingDevices(handler), ...missingFiles(handler), ...wrongRootfs(handler)];
  const isWhole = !found.some(({ severity }) => severity === "problem");
  return [
    ...(isWhole ? [ok(`${name}: ${hypervisor}, its guest and devices are there (${file})`)] : []),
    ...found,
  ];
}

function missingDevices({ name, configuration, obstacle }: KataHandler): Finding[] {
  const { hypervisor, usesVhostNet } = configuration;
  const byKernel = usesKernelsVsock.includes(hypervisor);
  const needed = [
    "/dev/kvm",
    ...(byKernel ? ["/dev/vhost-vsock"] : []),
    ...(byKernel && usesVhostNet ? ["/dev/vhost-net"] : []),
  ];
  return needed.flatMap((device) => {
    const why = obstacle(device, "device");
    return why === undefined ? [] : [problem(`${name}: ${device} ${why}`, noPods, modules[device] ?? "")];
  });
}

/** What is to be there, by its key in Kata's configuration. */
function missingFiles({ name, file, configuration, obstacle }: KataHandler): Finding[] {
  const { hypervisor, path, kernel, image, initrd, firmware, jailer, sharedFs, virtioFsDaemon } =
    configuration;
  const isBuiltIn = hypervisor === "dragonball";
  const named: readonly (readonly [string, string, "program" | "file"])[] = [
    ...(isBuiltIn ? [] : [["path", path, "program"] as const]),
    ["kernel", kernel, "file"],
    image !== "" || initrd === "" ? ["image", image, "file"] : ["initrd", initrd, "file"],
    ...(firmware === "" ? [] : [["firmware", firmware, "file"] as const]),
    ...(jailer === "" ? [] : [["jailer_path", jailer, "program"] as const]),
    ...(sharedFs.startsWith("virtio-fs") ? [["virtio_fs_daemon", virtioFsDaemon, "program"] as const] : []),
  ];
  const found = named.flatMap(([key, at, as]) => {
    const remedy = `install it (Kata's release brings it), or set hypervisor.${hypervisor}.${key} in ${file}`;
    if (at === "")
      return [problem(`${name}: ${file} does not say hypervisor.${hypervisor}.${key}`, noPods, remedy)];
    const why = obstacle(at, as);
    return why === undefined ? [] : [problem(`${name}: ${at} (${key}) ${why}`, noPods, remedy)];
  });
  if (image === "" || initrd === "") return found;
  const both = `${name}: ${file} names an image and an initrd for the guest`;
  return [...found, warning(both, "Kata takes one of the two, or refuses them", "take one of them out")];
}

/** A guest that is shown no directory of the host can have a container's files on a device alone. */
function wrongRootfs({ name, snapshotter, pool, configuration }: KataHandler): Finding[] {
  const { hypervisor, sharedFs } = configuration;
  if (snapshotter === "devmapper" && pool === "")
    return [
      problem(
        `${name}: the snapshotter "devmapper" has no pool for its devices`,
        noPods,
        "set snapshotters.devmapper.pool (docs/snapshotters.md says how one is made)",
      ),
    ];
  const sharesNothing = hypervisor === "firecracker" || sharedFs === "none";
  if (!sharesNothing || snapshotter === "devmapper") return [];
  return [
    problem(
      `${name}: ${hypervisor} shares no directory with its guest, and the snapshotter "${snapshotter}" has no devices`,
      "containers would have no files",
      `set runtime.handlers.${name}.snapshotter = "devmapper" (docs/snapshotters.md)`,
    ),
  ];
}

/** A virtual machine within one works only where that one's host lets it. */
export function nestedNote(flags: readonly string[]): Finding[] {
  if (!flags.includes("hypervisor")) return [];
  const why = "its host has to pass virtualisation on: guests may hang, or be slow, although /dev/kvm opens";
  return [note("this machine is a virtual machine itself", why, "run one pod with the handler by hand")];
}

/** Kata's shims look at mounts from a namespace of their own, into which those of the host have to come. */
export function judgePropagation(mountPoint: string, isShared: boolean): Finding[] {
  if (isShared) return [];
  return [
    problem(
      `mounts below ${mountPoint} stay in the host's mount namespace: it is not shared`,
      "Kata's shims, which have a namespace of their own, see neither containers' files nor volumes",
      `mount --make-rshared ${mountPoint}`,
    ),
  ];
}
