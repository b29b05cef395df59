import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { pathBytes, within } from "../linux/byte-path.ts";
import { errnoOf } from "../linux/libc.ts";
import { namesAt } from "../linux/names-at.ts";
import { O_PATH, type OwnedFd, openBeneath, pathAt } from "../linux/open-beneath.ts";
import type { ByteString } from "../wire/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "../wire/tar/write.ts";
import { type IdMaps, inContainer } from "./ids.ts";
import { copyFault, parseCopyPath, shownPath } from "./paths.ts";

const pieceBytes: Bytes = 256 << 10;
/** Readers of archives refuse longer names. */
const longestName = 4096;

export interface PackOptions {
  /** A symbolic link at the path's end is followed, not copied. */
  readonly followLink: boolean;
  readonly ids: IdMaps | undefined;
  /** What the first member is called, where that is not the path's last part. */
  readonly rename?: ByteString;
  /** Told of what is left out: devices, sockets, FIFOs. */
  skipped(path: string, what: string): void;
}

/**
 * What lies at `path` as a tar: a file, a link, or a directory with all that is in it. Members' names begin with the
 * path's last part, or are those of a directory's contents when it ends in `/.`. Nothing outside `root` is read, whatever
 * links and `..` say, and nothing but the content of plain files: a device or FIFO is not opened.
 *
 * Synchronous, for threads that may wait. A piece is valid until the next one is asked for.
 *
 * @param root a directory's descriptor, which `path` is taken from
 * @throws {Fault} notFound, and what the disk says
 */
export function* packTree(root: number, path: string, options: PackOptions): Generator<Uint8Array> {
  const { clean, directory, name, isDirectory, meansContents } = parseCopyPath(path);
  const follows = options.followLink || isDirectory || clean === "";
  const doing = `reading ${shownPath(clean)}`;
  try {
    using parent = openBeneath(root, pathBytes(directory || "."), O_PATH | constants.O_DIRECTORY, {
      confine: "inRoot",
    });
    using found = follows
      ? openBeneath(root, pathBytes(clean || "."), O_PATH | (isDirectory ? constants.O_DIRECTORY : 0), {
          confine: "inRoot",
        })
      : openChild(parent.fd, name);
    const member = options.rename ?? (meansContents || clean === "" ? "." : name);
    yield* new Packer(options).member(found, { parent: parent.fd, name }, member);
  } catch (error) {
    throw copyFault(doing, error);
  }
  yield tarEnd;
}

/** A name in an open directory. */
interface Place {
  readonly parent: number;
  readonly name: ByteString;
}

class Packer {
  readonly #options: PackOptions;
  readonly #piece = Buffer.allocUnsafeSlow(pieceBytes);
  /** The members that files with several names were given as, by device and inode. */
  readonly #linked = new Map<string, ByteString>();

  constructor(options: PackOptions) {
    this.#options = options;
  }

  *member(found: OwnedFd, place: Place, member: ByteString): Generator<Uint8Array> {
    if (member.length > longestName) throw new Fault("invalid", `too long a path: ${shownPath(member)}`);
    const status = fstatSync(found.fd, { bigint: true });
    if (status.isDirectory()) yield* this.#directory(found.fd, status, member);
    else if (status.isFile()) yield* this.#file(found.fd, status, member);
    else if (status.isSymbolicLink()) {
      const linkName = readlinkSync(within(pathAt(place.parent), place.name), "latin1");
      yield tarHeader({ ...this.#look(status, member), type: "symbolicLink", linkName });
    } else this.#options.skipped(shownPath(member), kindOf(status));
  }

  *#directory(fd: number, status: BigIntStats, member: ByteString): Generator<Uint8Array> {
    yield tarHeader({ ...this.#look(status, `${member}/`), type: "directory" });
    for (const name of namesAt(fd)) {
      try {
        using child = openChild(fd, name);
        yield* this.member(child, { parent: fd, name }, `${member}/${name}`);
      } catch (error) {
        if (errnoOf(error) === "ENOENT") continue; // it went meanwhile
        throw copyFault(`reading ${shownPath(`${member}/${name}`)}`, error);
      }
    }
  }

  *#file(fd: number, status: BigIntStats, member: ByteString): Generator<Uint8Array> {
    const inode = `${status.dev}:${status.ino}`;
    const before = status.nlink > 1n ? this.#linked.get(inode) : undefined;
    if (before !== undefined) {
      yield tarHeader({ ...this.#look(status, member), type: "hardLink", linkName: before });
      return;
    }
    if (status.nlink > 1n) this.#linked.set(inode, member);
    const size = Number(status.size);
    yield tarHeader({ ...this.#look(status, member), size });
    const reading = openSync(pathAt(fd), constants.O_RDONLY); // the very file that was looked at
    try {
      for (let at = 0; at < size; ) {
        const wanted = Math.min(this.#piece.length, size - at);
        const count = readSync(reading, this.#piece, 0, wanted, at);
        // one that became shorter meanwhile is filled up: its size is told already
        yield count > 0 ? this.#piece.subarray(0, count) : new Uint8Array(wanted);
        at += count || wanted;
      }
    } finally {
      closeSync(reading);
    }
    yield tarPadding(size);
  }

  #look({ mode, uid, gid, mtimeNs }: BigIntStats, name: ByteString) {
    const { ids } = this.#options;
    return {
      name,
      size: 0,
      mode: Number(mode) & 0o7777,
      uid: inContainer(Number(uid), ids?.uids),
      gid: inContainer(Number(gid), ids?.gids),
      modified: mtimeNs,
    };
  }
}

function openChild(directory: number, name: ByteString): OwnedFd {
  return openBeneath(directory, pathBytes(name), O_PATH | constants.O_NOFOLLOW, { confine: "noLinks" });
}

function kindOf(status: BigIntStats): string {
  if (status.isSocket()) return "a socket";
  return status.isFIFO() ? "a FIFO" : "a device";
}
