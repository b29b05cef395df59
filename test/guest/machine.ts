import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import type { GuestImage } from "./image.ts";

export interface MachineOptions {
  /** systemd as on a node, or only the mounts and devices that tests need: quicker by 10 to 20 s. */
  readonly init: "minimal" | "systemd";
  readonly memoryMiB: number;
  /** Empty disks for the guest, in bytes: /dev/vdc and on. */
  readonly disks: readonly number[];
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
  /** The sockets of the virtio ports; absent for a shell, which is on this process's own terminal. */
  readonly ports: { readonly commands: string; readonly output: string } | undefined;
}

/**
 * Starts QEMU with one processor under software emulation: KVM is not everywhere (decision 0310). It ends with this process, and what
 * the guest writes is gone with it.
 */
export function startMachine(image: GuestImage, paths: MachinePaths, options: MachineOptions): ChildProcess {
  const disks = options.disks.map((bytes, index) => emptyDisk(join(paths.directory, `disk-${index}`), bytes));
  const { ports, filesDisk } = paths;
  const drives = [image.rootDisk, paths.treeDisk, ...disks, ...(filesDisk === undefined ? [] : [filesDisk])];
  const command = [
    ...["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,tb-size=512"],
    // Page tables of four levels are walked sooner than those of five.
    ...["-cpu", "max,la57=off", "-smp", "1", "-m", String(options.memoryMiB)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none"],
    ...["-kernel", image.kernel, "-initrd", image.initialRamDisk],
    ...["-append", kernelArguments(options, paths)],
    ...["-serial", `file:${paths.console}`],
    ...drives.flatMap((file) => [
      "-drive",
      `file=${file},if=virtio,format=raw,snapshot=on,cache=unsafe,discard=unmap`,
    ]),
    ...["-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"],
    ...["-device", "virtio-serial-pci"],
    ...(ports === undefined
      ? ["-chardev", "stdio,id=shell,signal=off", "-device", "virtconsole,chardev=shell"]
      : [...virtioPort("commands", ports.commands), ...virtioPort("output", ports.output)]),
  ];
  const stdin = ports === undefined ? "inherit" : "ignore";
  return spawn("setpriv", ["--pdeathsig", "KILL", ...command], { stdio: [stdin, "inherit", "inherit"] });
}

/** Mitigations protect nobody in here and cost a lot where each jump is emulated. */
function kernelArguments(options: MachineOptions, { ports, filesDisk }: MachinePaths): string {
  const { init, disks, kernelArguments } = options;
  const { columns = 80, rows = 24 } = process.stdout;
  return [
    "console=ttyS0 root=/dev/vda rw init=/sbin/guest-init loglevel=5 panic=-1",
    "mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on",
    `guest.init=${init} systemd.getty_auto=no`,
    ...(ports === undefined ? [`guest.shell=${columns}x${rows}`] : []),
    ...(filesDisk === undefined ? [] : [`guest.files=${deviceOf(2 + disks.length)}`]),
    kernelArguments,
  ].join(" ");
}

/** What the guest calls the drive with this number. */
function deviceOf(drive: number): string {
  return `/dev/vd${String.fromCharCode("a".charCodeAt(0) + drive)}`;
}

function virtioPort(name: string, socket: string): readonly string[] {
  return [
    ...["-chardev", `socket,id=${name},path=${socket}`],
    ...["-device", `virtserialport,chardev=${name},name=berth.${name}`],
  ];
}

function emptyDisk(file: string, bytes: number): string {
  const fd = openSync(file, "wx");
  ftruncateSync(fd, bytes);
  closeSync(fd);
  return file;
}
