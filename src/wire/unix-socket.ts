import { chmod, chown, lstat, readFile, rename, rm } from "node:fs/promises";
import { connect } from "node:net";
import { during, Fault } from "../base/fault.ts";
import { maxSocketPath } from "../config/listen-address.ts";

/** Where a server binds before its socket has the right mode and takes its real name. */
export function bindingPath(socket: string): string {
  return `${socket}.new`;
}

/**
 * Makes sure that `socket` can be taken over: nobody answers there, and what lies there, if anything, is a socket.
 *
 * @param setting the one that names it, for messages
 * @throws {Fault} invalid for a path that is too long or taken by another kind of file; alreadyExists when somebody
 *   answers there
 */
export async function checkFree(socket: string, setting: string): Promise<void> {
  if (Buffer.byteLength(bindingPath(socket)) > maxSocketPath) {
    throw new Fault("invalid", `${setting}: ${socket} is longer than ${maxSocketPath - 4} bytes`);
  }
  const there = await lstat(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw during(`looking at ${socket}`, error);
  });
  if (there === undefined) return;
  if (!there.isSocket()) throw new Fault("invalid", `${setting}: ${socket} is there already, and no socket`);
  if (await answers(socket)) {
    throw new Fault("alreadyExists", `another server answers at ${socket}`, {
      hint: `stop it, or set ${setting} to another path`,
    });
  }
}

/** Gives the freshly bound socket its owner and mode 0660, then its name, taking the place of a stale one. */
export async function publishSocket(socket: string, gid: number): Promise<void> {
  const bound = bindingPath(socket);
  await chown(bound, process.getuid?.() ?? 0, gid);
  await chmod(bound, 0o660);
  await rename(bound, socket);
}

/** Takes away what a server that was killed while it bound has left. */
export async function clearBinding(socket: string): Promise<void> {
  await rm(bindingPath(socket), { force: true });
}

/** The id of `group` from /etc/group; undefined when there is no such group. */
export async function groupId(group: string): Promise<number | undefined> {
  const lines = (await readFile("/etc/group", "utf8")).split("\n");
  const line = lines.find((at) => at.startsWith(`${group}:`));
  const gid = Number(line?.split(":")[2]);
  return Number.isSafeInteger(gid) ? gid : undefined;
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (result: boolean) => {
      probe.destroy();
      resolve(result);
    };
    probe.once("connect", () => end(true));
    // A full backlog (EAGAIN) or a refused permission still means that somebody listens.
    probe.once("error", (error: NodeJS.ErrnoException) =>
      end(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}
