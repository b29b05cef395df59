import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { guestArguments, type Machine, type MachineStart } from "./machine.ts";

/** The first process of the kernel's PID namespace: as that, the kernel could not abort when it panics. */
const keeper = 'ulimit -c 0; "$0" "$@"; exit $?';

/**
 * User-Mode Linux: the guest's kernel is a process of this machine, and its programs are processes that it traces. What is
 * written to the root disk goes into a layer above it. All of it lives in a PID namespace, so that no traced process
 * runs on without its kernel.
 *
 * @param disks what the guest has beside its root disk
 */
export function startUserMode(start: MachineStart, disks: readonly string[]): Machine {
  const { image, paths, options, shell } = start;
  const command = [
    ...["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", keeper, image.userModeKernel],
    `mem=${options.memoryMiB}M`,
    `ubd0=${join(paths.directory, "root-layer")},${image.rootDisk}`,
    ...disks.map((disk, index) => `ubd${index + 1}=${disk}`),
    ...["root=/dev/ubda", "rw", "rootfstype=ext4", "con=null", "ssl=null"],
    // The LSMs as Debian's own kernel has them.
    ...["lsm=capability,yama,apparmor", "loglevel=5", "panic=-1"],
    ...(shell ? ["con0=fd:0,fd:1"] : ["con0=null,fd:1", "ssl0=fd:3", "ssl1=fd:4"]),
    ...guestArguments(start).split(" "),
    ...options.kernelArguments.split(" ").filter((argument) => argument !== ""),
  ];
  const log = openSync(paths.console, "a");
  const machine = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
    stdio: shell ? "inherit" : ["ignore", log, log, "pipe", "pipe"],
    // A kernel that panics sends a signal to its whole process group.
    detached: !shell,
  });
  closeSync(log);
  if (shell) return { process: machine, streams: undefined };
  // A pipe of a child's is a pair of sockets, which goes both ways.
  const [, , , commands, output] = machine.stdio as unknown as readonly Duplex[];
  if (commands === undefined || output === undefined)
    throw new Error("the machine was started without streams");
  return { process: machine, streams: Promise.resolve({ commands, output }) };
}
