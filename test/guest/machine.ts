import type { ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";
import type { GuestImage } from "./image.ts";

/**
 * `qemu`: a whole machine under software emulation, and a cloud's kernel. `uml`: User-Mode Linux, a kernel that is a
 * program of this machine's; several times quicker, and it lacks some of what the other has (docs/guest.md).
 */
export type MachineKind = "qemu" | "uml";

export interface MachineOptions {
  readonly machine: MachineKind;
  /** systemd as on a node, or only the mounts and devices that tests need: quicker by 10 to 20 s. */
  readonly init: "minimal" | "systemd";
  readonly memoryMiB: number;
  /** /dev/vdc and on: empty ones of so many bytes, or files, in which stays what the guest writes. */
  readonly disks: readonly (number | string)[];
  /** Appended to the kernel's command line. */
  readonly kernelArguments: string;
}

/** What a machine reads and writes on the host, below the run's directory. */
export interface MachinePaths {
  readonly directory: string;
  readonly treeDisk: string;
  /** What the guest has at /files: its last disk. */
  readonly filesDisk: string | undefined;
  readonly console: string;
}

/** What the guest's agent listens to, and what it prints to. */
export interface MachineStreams {
  readonly commands: Duplex;
  readonly output: Duplex;
}

export interface Machine {
  readonly process: ChildProcess;
  /** Absent for a shell, which is on this process's own terminal. */
  readonly streams: Promise<MachineStreams> | undefined;
}

/** What starting a machine needs to know. */
export interface MachineStart {
  readonly image: GuestImage;
  readonly paths: MachinePaths;
  readonly options: MachineOptions;
  /** A shell on this process's terminal instead of streams. */
  readonly shell: boolean;
}

/** What both kernels are told, for `inside/init` and `inside/agent`. */
export function guestArguments({ paths, options: { init, disks }, shell }: MachineStart): string {
  const { columns = 80, rows = 24 } = process.stdout;
  return [
    `init=/sbin/guest-init guest.init=${init} systemd.getty_auto=no`,
    ...(shell ? [`guest.shell=${columns}x${rows}`] : []),
    ...(paths.filesDisk === undefined ? [] : [`guest.files=${deviceOf(2 + disks.length)}`]),
  ].join(" ");
}

/** What the guest calls the disk with this number. */
function deviceOf(disk: number): string {
  return `/dev/vd${String.fromCharCode("a".charCodeAt(0) + disk)}`;
}
