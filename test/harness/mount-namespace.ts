import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Where a daemon and all that looks at its mounts run. */
export interface MountNamespace {
  /** Puts a command line into the namespace. The process keeps the pid that it is started with. */
  readonly wrap: (command: readonly string[]) => readonly string[];
  close(): Promise<void>;
}

/** The host's own. */
export const hostNamespace: MountNamespace = { wrap: (command) => command, close: async () => undefined };

/**
 * A private mount namespace, held by a process for as long as the tests of a file run: daemons come and go in it, and
 * their mounts stay. Without the hybrid cgroup2 mount, which Debian's crun refuses when it holds a controller; as it still
 * makes directories there, a tmpfs takes its place, so that they go with the namespace.
 */
export async function privateNamespace(): Promise<MountNamespace> {
  const cover = "umount $u 2>/dev/null && mount -t tmpfs tmpfs $u";
  const hold = `u=/sys/fs/cgroup/unified; ${cover}; echo held; exec sleep infinity`;
  const holder = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", hold], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once("data", resolve);
    holder.once("exit", (code) => reject(new Error(`unshare ended with ${code}`)));
  });
  const { pid } = holder;
  return {
    wrap: (command) => ["nsenter", "--mount", "--target", String(pid), "--", ...command],
    close: () => end(holder),
  };
}

/** Kills a child and waits until it is gone. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  while (existsSync(`/proc/${child.pid}`) && child.exitCode === null && child.signalCode === null)
    await sleep(5);
}
