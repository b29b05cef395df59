import { readlinkSync } from "node:fs";
import { chmod, chown, rm, stat, symlink } from "node:fs/promises";
import { AT_FDCWD, utimesAt } from "../../linux/files-at.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import type { Directories } from "./mounts.ts";

/**
 * Makes a container's own files begin with a root that looks as the image's, and links to them: the root of a mounted overlay
 * looks as its uppermost directory says. What is linked has these looks, or others that the container gave it.
 */
export async function linkOwnFiles({ own, lowers }: Directories, link: string): Promise<void> {
  if (linkedAt(link) === own) return;
  try {
    if (lowers[0] !== undefined) await imitate(lowers[0], own);
    await rm(link, { force: true });
    await symlink(own, link);
  } catch (error) {
    throw systemFault(`preparing ${own}`, error);
  }
}

/** Where the link leads; undefined when there is none. */
export function linkedAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw systemFault(`reading the link ${path}`, error);
  }
}

/** Gives a directory the owner, mode and times of another one. That may be a FUSE's, which answers when it likes. */
async function imitate(from: string, to: string): Promise<void> {
  const { uid, gid, mode, atimeNs, mtimeNs } = await stat(from, { bigint: true });
  await chown(to, Number(uid), Number(gid));
  await chmod(to, Number(mode) & 0o7777);
  utimesAt(AT_FDCWD, to, { accessed: atimeNs, modified: mtimeNs });
}
