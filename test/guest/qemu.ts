import { spawn } from "node:child_process";
import { join } from "node:path";
import { guestArguments, type Machine, type MachineStart, type MachineStreams } from "./machine.ts";
import { Port } from "./ports.ts";

/**
 * QEMU under software emulation: KVM is not everywhere.
 *
 * @param disks what the guest has beside its root disk
 */
export async function startQemu(start: MachineStart, disks: readonly string[]): Promise<Machine> {
  const { image, paths, options, shell } = start;
  const names = { commands: join(paths.directory, "commands"), output: join(paths.directory, "output") };
  const ports = shell ? undefined : [await Port.listen(names.commands), await Port.listen(names.output)];
  const command = [
    ...["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,tb-size=512"],
    // Page tables of four levels are walked sooner than those of five. More processors: decision 0310.
    ...["-cpu", "max,la57=off", "-smp", "1", "-m", String(options.memoryMiB)],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none"],
    ...["-kernel", image.kernel, "-initrd", image.initialRamDisk],
    ...["-append", kernelArguments(start)],
    ...["-serial", `file:${paths.console}`],
    ...[image.rootDisk, ...disks].flatMap((file) => {
      // Where nothing writes to the file itself, User-Mode Linux may have locked it for another guest.
      const layer = options.disks.includes(file) ? "" : ",snapshot=on,file.locking=off";
      return ["-drive", `file=${file},if=virtio,format=raw,cache=unsafe,discard=unmap${layer}`];
    }),
    ...["-object", "rng-random,id=random,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=random"],
    ...["-device", "virtio-serial-pci"],
    ...(shell
      ? ["-chardev", "stdio,id=shell,signal=off", "-device", "virtconsole,chardev=shell"]
      : [...virtioPort("commands", names.commands), ...virtioPort("output", names.output)]),
  ];
  const machine = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
    stdio: [shell ? "inherit" : "ignore", "inherit", "inherit"],
  });
  machine.once("exit", () => ports?.forEach((port) => void port[Symbol.dispose]()));
  return { process: machine, streams: ports && connected(ports) };
}

async function connected(ports: readonly Port[]): Promise<MachineStreams> {
  const [commands, output] = await Promise.all(ports.map((port) => port.connected()));
  if (commands === undefined || output === undefined) throw new Error("a machine has two ports");
  return { commands, output };
}

/** Mitigations protect nobody in here and cost a lot where each jump is emulated. */
function kernelArguments(start: MachineStart): string {
  return [
    "console=ttyS0 root=/dev/vda rw loglevel=5 panic=-1",
    "mitigations=off nokaslr tsc=reliable no_timer_check random.trust_cpu=on",
    guestArguments(start),
    start.options.kernelArguments,
  ].join(" ");
}

function virtioPort(name: string, socket: string): readonly string[] {
  return [
    ...["-chardev", `socket,id=${name},path=${socket}`],
    ...["-device", `virtserialport,chardev=${name},name=berth.${name}`],
  ];
}
