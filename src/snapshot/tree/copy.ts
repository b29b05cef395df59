import {
  type BigIntStats,
  closeSync,
  constants,
  copyFileSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  writeSync,
} from "node:fs";
import { pathBytes, within } from "../../linux/byte-path.ts";
import {
  getExtendedAttribute,
  listExtendedAttributes,
  removeExtendedAttribute,
  setExtendedAttribute,
} from "../../linux/extended-attributes.ts";
import { AT_FDCWD, chmodAt, chownAt, linkAt, mknodAt, symlinkAt, utimesAt } from "../../linux/files-at.ts";
import { errnoOf } from "../../linux/libc.ts";
import { walkTree } from "./walk.ts";

/** A path of a tree that only berth writes. */
type Path = string | Buffer;

/** Copies one thing but a directory with all its attributes, data by reference where the disk can. `to` must be free. */
export function copyNode(from: Path, to: Path, stat: BigIntStats): void {
  if (stat.isFile()) copyData(from, to, stat);
  else if (stat.isSymbolicLink()) symlinkAt(pathBytes(readlinkSync(from, "latin1")), AT_FDCWD, to);
  else mknodAt(AT_FDCWD, to, Number(stat.mode), stat.rdev);
  copyAttributes(from, to, stat);
}

/** Owner, extended attributes, mode and times; those that `to` has and `from` has not are taken away. */
export function copyAttributes(from: Path, to: Path, stat = lstatSync(from, { bigint: true })): void {
  chownAt(AT_FDCWD, to, Number(stat.uid), Number(stat.gid));
  copyExtendedAttributes(from, to);
  if (!stat.isSymbolicLink()) chmodAt(AT_FDCWD, to, Number(stat.mode) & 0o7777);
  copyTimes(to, stat);
}

function copyTimes(to: Path, stat: BigIntStats): void {
  utimesAt(AT_FDCWD, to, { accessed: stat.atimeNs, modified: stat.mtimeNs });
}

/** What overlayfs keeps for itself holds for one place only. */
const isLocal = (name: string) => name.startsWith("trusted.overlay.");

function copyExtendedAttributes(from: Path, to: Path): void {
  const wanted = listExtendedAttributes(from).filter((name) => !isLocal(name));
  for (const name of listExtendedAttributes(to))
    if (!isLocal(name) && !wanted.includes(name)) removeExtendedAttribute(to, name);
  for (const name of wanted) {
    const value = getExtendedAttribute(from, name);
    if (value !== undefined) setExtendedAttribute(to, name, value);
  }
}

const blockBytes = 512n;

function copyData(from: Path, to: Path, stat: BigIntStats): void {
  if (stat.blocks * blockBytes < stat.size) copySparse(from, to, Number(stat.size));
  else copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

const pieceBytes = 65_536;
const zeros = Buffer.alloc(pieceBytes);

/** Leaves out what is zero: a hole stays one. */
function copySparse(from: Path, to: Path, size: number): void {
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw error; // else: this disk can't share data
  }
  const source = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  const target = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const piece = Buffer.allocUnsafe(pieceBytes);
    for (let at = 0; at < size; ) {
      const got = readSync(source, piece, 0, pieceBytes, at);
      if (got === 0) break;
      if (piece.compare(zeros, 0, got, 0, got) !== 0) writeAll(target, piece.subarray(0, got), at);
      at += got;
    }
    ftruncateSync(target, size);
  } finally {
    closeSync(source);
    closeSync(target);
  }
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/**
 * Makes a new tree like another one. Files with several names keep them.
 *
 * @param share makes files new names of the same inodes instead of copies, where the disk can: for trees that nobody
 * writes to
 */
export function copyTree(from: string, to: string, share = false): void {
  const copied = new Map<bigint, Path>();
  const directories: { to: Path; from: Path; stat: BigIntStats }[] = [];
  for (const { path, stat } of walkTree(from)) {
    const [source, target] = [within(from, path), within(to, path)];
    if (stat.isDirectory()) {
      mkdirSync(target, { mode: 0o700 });
      directories.push({ from: source, to: target, stat });
      continue;
    }
    const before = copied.get(stat.ino);
    if (before !== undefined) linkAt(AT_FDCWD, before, AT_FDCWD, target);
    else if (!(share && shared(source, target))) copyNode(source, target, stat);
    if (stat.nlink > 1n) copied.set(stat.ino, target);
  }
  for (const directory of directories.toReversed())
    copyAttributes(directory.from, directory.to, directory.stat);
}

/** False where no further name can be made: the disk has a limit for each file. */
function shared(from: Path, to: Path): boolean {
  try {
    linkAt(AT_FDCWD, from, AT_FDCWD, to);
    return true;
  } catch (error) {
    if (["EMLINK", "EPERM", "EXDEV"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}
