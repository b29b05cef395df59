import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Machine, MachineStart } from "./machine.ts";
import { startQemu } from "./qemu.ts";
import { startUserMode } from "./user-mode.ts";

/** Starts a machine with one processor. It ends with this process, and what the guest writes is gone with it. */
export async function startMachine(start: MachineStart): Promise<Machine> {
  const { paths, options } = start;
  const disks = [
    paths.treeDisk,
    ...options.disks.map((bytes, index) => emptyDisk(join(paths.directory, `disk-${index}`), bytes)),
    ...(paths.filesDisk === undefined ? [] : [paths.filesDisk]),
  ];
  return options.machine === "uml" ? startUserMode(start, disks) : await startQemu(start, disks);
}

function emptyDisk(file: string, bytes: number): string {
  const fd = openSync(file, "wx");
  ftruncateSync(fd, bytes);
  closeSync(fd);
  return file;
}
