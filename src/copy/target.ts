import { constants, fstatSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { pathBytes } from "../linux/byte-path.ts";
import { mkdirAt } from "../linux/files-at.ts";
import { errnoOf } from "../linux/libc.ts";
import { type Confinement, O_PATH, type OwnedFd, openBeneath } from "../linux/open-beneath.ts";
import type { ByteString, TarEntryType } from "../wire/tar/entry.ts";
import { type CopyPath, parseCopyPath, shownPath } from "./paths.ts";

/** Where a copy goes. */
export type Target =
  /** Into a directory; `rename` is what its first member is called there, where that is not its own name. */
  | {
      readonly kind: "directory";
      readonly base: OwnedFd;
      readonly path: ByteString;
      readonly rename?: ByteString;
    }
  /** Over the content of a plain file that is there. */
  | { readonly kind: "file"; readonly file: OwnedFd };

/** What is copied, as its first member tells. */
export interface Source {
  readonly type: TarEntryType;
  /** What a directory holds, not the directory. */
  readonly isContents: boolean;
}

const directoryFlags = O_PATH | constants.O_DIRECTORY;

/**
 * Where a copy to `path` goes, by the rules of cp(1) and of docker's: into a directory that is there; else under the
 * path's last name, in a directory that must be there.
 *
 * @param root a directory's descriptor, which `path` is taken from; nothing outside is reached
 * @throws {Fault} notFound, invalid
 */
export function findTarget(root: number, path: string, source: Source): Target {
  const parsed = parseCopyPath(path);
  const { clean, directory, name, isDirectory } = parsed;
  const found = openThere(root, clean, O_PATH);
  if (found !== undefined) return existing(found, parsed, source);
  if (isDirectory && source.type !== "directory") throw noDirectory(clean);
  const parent = openThere(root, directory, directoryFlags);
  if (parent === undefined) throw noDirectory(directory);
  return { kind: "directory", base: parent, path: directory, rename: name };
}

/** The directory at `path`, for members that keep their names. @throws {Fault} notFound, invalid */
export function findDirectory(root: number, path: string): Target {
  const { clean } = parseCopyPath(path);
  const base = openThere(root, clean, directoryFlags);
  if (base === undefined) throw noDirectory(clean);
  return { kind: "directory", base, path: clean };
}

function existing(found: OwnedFd, { clean, isDirectory }: CopyPath, { type }: Source): Target {
  const status = fstatSync(found.fd);
  if (status.isDirectory()) return { kind: "directory", base: found, path: clean };
  if (type === "file" && status.isFile() && !isDirectory) return { kind: "file", file: found };
  found[Symbol.dispose]();
  const what = status.isFile() ? "is a file" : "is neither a file nor a directory";
  throw new Fault("invalid", `${shownPath(clean)} ${what}: ${articled(type)} can't take its place`);
}

function articled(type: TarEntryType): string {
  return type === "symbolicLink" ? "a symbolic link" : `a ${type}`;
}

function noDirectory(path: ByteString): Fault {
  return new Fault("notFound", `there is no directory ${shownPath(path)}`);
}

function openThere(root: number, path: ByteString, flags: number): OwnedFd | undefined {
  try {
    return openBeneath(root, pathBytes(path || "."), flags, { confine: "inRoot" });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "ENOTDIR") throw new Fault("invalid", `${shownPath(path)} is not a directory`);
    throw error;
  }
}

/** Which links on the way to a member are followed: within a container's root all, on the node none. */
export interface TargetLinks {
  readonly from: number;
  readonly prefix: ByteString;
  readonly confine: Confinement;
}

/** The directories below a target. One is kept open: members come directory by directory. */
export class TargetDirectories implements Disposable {
  readonly #links: TargetLinks;
  #last: { readonly path: ByteString; readonly open: OwnedFd } | undefined;

  constructor(links: TargetLinks) {
    this.#links = links;
  }

  /**
   * A descriptor of the directory at `parts`, made with those above it where it is missing; good until the next call.
   *
   * @throws {Fault} invalid when a link on the way may not be followed; SystemCallError
   */
  open(parts: readonly ByteString[]): number {
    const path = parts.join("/");
    if (this.#last?.path === path) return this.#last.open.fd;
    const open = this.#openOrMake(parts, path);
    this[Symbol.dispose]();
    this.#last = { path, open };
    return open.fd;
  }

  [Symbol.dispose](): void {
    this.#last?.open[Symbol.dispose]();
    this.#last = undefined;
  }

  #openOrMake(parts: readonly ByteString[], path: ByteString): OwnedFd {
    try {
      return this.#open(path);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || parts.length === 0) throw error;
    }
    const above = parts.slice(0, -1);
    using parent = this.#openOrMake(above, above.join("/"));
    mkdirAt(parent.fd, pathBytes(parts.at(-1) ?? ""), 0o755);
    return this.#open(path);
  }

  #open(path: ByteString): OwnedFd {
    const { from, prefix, confine } = this.#links;
    const whole = [prefix, path].filter((part) => part !== "").join("/");
    try {
      return openBeneath(from, pathBytes(whole || "."), directoryFlags, { confine });
    } catch (error) {
      const code = errnoOf(error);
      if (code !== "ELOOP" && code !== "ENOTDIR") throw error;
      const what = code === "ELOOP" ? "leads through a symbolic link" : "is not a directory";
      throw new Fault("invalid", `${shownPath(whole)} ${what}: nothing is written there`, { cause: error });
    }
  }
}
