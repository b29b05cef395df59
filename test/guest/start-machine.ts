import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Machine, MachineStart } from "./machine.ts";
import { startQemu } from "./qemu.ts";
import { startUserMode } from "./user-mode.ts";

/**
 * Starts a machine with one processor. It ends with this process, and what the guest writes is gone with it, but for disks
 * that are files of the caller's.
 */
export async function startMachine(start: MachineStart): Promise<Machine> {
  const { paths, options } = start;
  const disks = [
    paths.treeDisk,
    ...options.disks.map((disk, index) =>
      typeof disk === "string" ? disk : emptyDisk(join(paths.directory, `disk-${index}`), disk),
    ),
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
