import { closeSync, constants, openSync, rmdirSync, unlinkSync } from "node:fs";
import { pathBytes, shownName } from "../../linux/byte-path.ts";
import { renameAt, rmdirAt, unlinkAt } from "../../linux/files-at.ts";
import { errnoOf } from "../../linux/libc.ts";
import { namesAt } from "../../linux/names-at.ts";
import { openBeneath } from "../../linux/open-beneath.ts";
import type { ByteString } from "../../wire/tar/entry.ts";

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Removes whatever is at `path`, links themselves and not what they lead to. A directory may be of any depth (a
 * container can make one that no path reaches): what lies deeper is moved up first, so that two descriptors do.
 *
 * @returns false when there was nothing
 * @throws the errors of Node and SystemCallError
 */
export function removeTree(path: string | Buffer): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return false;
    if (code !== "EISDIR" && code !== "EPERM") throw error;
  }
  const root = openSync(path, directoryFlags);
  try {
    emptyDirectory(root);
  } finally {
    closeSync(root);
  }
  rmdirSync(path);
  return true;
}

function emptyDirectory(root: number): void {
  let moved = 0;
  /** Gives a directory that is not empty a new name in the root; undefined when nothing can be moved out of where it is. */
  const moveUp = (from: number, name: ByteString): ByteString | undefined => {
    for (;;) {
      const free = `.removing-${moved++}`;
      try {
        renameAt(from, pathBytes(name), root, free, { replace: false });
        return free;
      } catch (error) {
        if (errnoOf(error) === "EXDEV") return undefined; // out of a subvolume of btrfs
        if (errnoOf(error) !== "EEXIST") throw error;
      }
    }
  };
  const waiting: ByteString[] = [];
  for (const name of namesAt(root)) if (!removeSimple(root, name)) waiting.push(name);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    using directory = openBeneath(root, pathBytes(name), directoryFlags, { confine: "noLinks" });
    for (const inner of namesAt(directory.fd)) {
      if (removeSimple(directory.fd, inner)) continue;
      const moved = moveUp(directory.fd, inner);
      if (moved === undefined) removeInPlace(directory.fd, inner);
      else waiting.push(moved);
    }
    // names may be passed over while others are removed (readdir(3)): then it comes once more
    if (!removeSimple(root, name)) waiting.push(name);
  }
}

/** As deep as subvolumes lie in each other, each level has a descriptor open. */
function removeInPlace(parent: number, name: ByteString): void {
  {
    using directory = openBeneath(parent, pathBytes(name), directoryFlags, { confine: "noLinks" });
    emptyDirectory(directory.fd);
  }
  rmdirAt(parent, pathBytes(name));
}

/** Removes anything but a directory that holds something. */
function removeSimple(directory: number, name: ByteString): boolean {
  const bytes = pathBytes(name);
  try {
    unlinkAt(directory, bytes);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return true;
    if (code !== "EISDIR" && code !== "EPERM") throw error;
  }
  try {
    rmdirAt(directory, bytes);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOTEMPTY") return false;
    throw new Error(`${shownName(name)} can't be removed`, { cause: error });
  }
}
