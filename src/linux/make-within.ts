import { constants } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { FileOwner } from "./contract.ts";
import { chownAt, mkdirAt } from "./files-at.ts";
import { errnoOf } from "./libc.ts";
import { O_PATH, openBeneath, openDirectory } from "./open-beneath.ts";

/**
 * Makes the directory `path` and those above it within the directory `root`, as a process in a chroot there would: no link
 * leads out. What is there already stays, whatever it is. Synchronous, for worker threads.
 *
 * @param path absolute and clean; `/` is the root
 * @param owner of what is made; undefined: this process's own user
 * @throws {Fault} invalid for a link on the way that leads nowhere, and for a file that is in it
 * @throws {SystemCallError}
 */
export function makeDirectoryWithin(root: string, path: string, mode: number, owner?: FileOwner): void {
  using top = openDirectory(root);
  if (isThere(top.fd, path)) return;
  const names = path.split("/").filter((name) => name !== "");
  for (const [index, name] of names.entries()) {
    const upTo = `/${names.slice(0, index + 1).join("/")}`;
    if (isThere(top.fd, upTo)) continue;
    const above = `/${names.slice(0, index).join("/")}`;
    using directory = openBeneath(top.fd, above, constants.O_RDONLY | constants.O_DIRECTORY, {
      confine: "inRoot",
    });
    try {
      mkdirAt(directory.fd, name, mode);
      if (owner !== undefined) chownAt(directory.fd, name, owner.uid, owner.gid);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      throw new Fault("invalid", `${path}: ${upTo} is a link that leads nowhere`, { cause: error });
    }
  }
}

function isThere(root: number, path: string): boolean {
  try {
    using _found = openBeneath(root, path, O_PATH, { confine: "inRoot" });
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return false;
    if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
    throw new Fault("invalid", `${path} leads through what is no directory`, { cause: error });
  }
}
