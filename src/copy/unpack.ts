import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  openSync,
  writeSync,
} from "node:fs";
import { during, Fault } from "../base/fault.ts";
import type { UnixNanos } from "../base/units.ts";
import { pathBytes, shownName, within } from "../linux/byte-path.ts";
import { chownAt, linkFdAt, mkdirAt, symlinkAt, unlinkAt, utimesAt } from "../linux/files-at.ts";
import { errnoOf } from "../linux/libc.ts";
import { O_PATH, openBeneath, pathAt } from "../linux/open-beneath.ts";
import type { ByteString, TarEntry, TarSink } from "../wire/tar/entry.ts";
import { type IdMaps, onNode } from "./ids.ts";
import { copyFault, shownPath } from "./paths.ts";
import { findDirectory, findTarget, type Target, TargetDirectories } from "./target.ts";

export interface UnpackOptions {
  /** By whom what is made is owned: as the archive says, by one user, or by whoever makes it. */
  readonly owner: "archive" | { readonly uid: number; readonly gid: number } | undefined;
  readonly ids: IdMaps | undefined;
  /** The path is a directory that is there, into which members go by their own names. */
  readonly extract: boolean;
  /**
   * Links on the way to members are followed, within the root: for a container's. Else a member below a link is refused:
   * an archive that makes a link and then writes through it leads nowhere.
   */
  readonly followLinks: boolean;
  /** Told of what is left out: devices, FIFOs. */
  skipped(path: string, what: string): void;
}

const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Without the archive's owners, setuid and setgid would hand their rights to another. */
const ownMode = 0o1777;

/** Modes and times of directories are set when they are complete. */
interface MadeDirectory {
  readonly parts: readonly ByteString[];
  readonly mode: number;
  readonly modified: UnixNanos;
}

/**
 * Writes what `packTree`, or any tar, gives to `path`, by the rules of `findTarget`. Files that stand in the way are
 * replaced, directories that are there keep their looks. Archive and destination may be hostile: no member leads out of
 * the root, nor out of the destination but by links that `followLinks` allows.
 *
 * Synchronous, for threads that may wait.
 *
 * @throws {Fault} from every method; the member is named
 */
export class TreeWriter implements TarSink, Disposable {
  readonly #root: number;
  readonly #path: string;
  readonly #options: UnpackOptions;
  readonly #made: MadeDirectory[] = [];
  #target: Target | undefined;
  #directories: TargetDirectories | undefined;
  /** The archive's first member, below which all others lie; undefined: it is a directory's contents, or extracted. */
  #first: ByteString | undefined;
  #file: { readonly fd: number; readonly entry: TarEntry } | undefined;
  #doing = "";

  /** @param root a directory's descriptor, which `path` is taken from */
  constructor(root: number, path: string, options: UnpackOptions) {
    this.#root = root;
    this.#path = path;
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    this.#doing = `writing ${shownPath(entry.name.replace(/^\/+/, ""))}`;
    this.#attempt(() => this.#take(entry));
  }

  data(chunk: Uint8Array, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(() => {
      for (let done = 0; done < chunk.length; )
        done += writeSync(file.fd, chunk, done, chunk.length - done, offset + done);
    });
  }

  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#attempt(() => {
      // a file that is written over keeps its looks, as cp(1) has it, unless the archive's are asked for
      if (this.#target?.kind !== "file" || this.#options.owner === "archive") {
        const owner = this.#ownerOf(file.entry);
        if (owner !== undefined) fchownSync(file.fd, owner.uid, owner.gid);
        fchmodSync(file.fd, this.#modeOf(file.entry));
      }
      const seconds = Number(file.entry.modified / 1_000_000_000n);
      futimesSync(file.fd, seconds, seconds);
    });
    this.#closeFile();
  }

  /** To be called once, after the last member. @throws {Fault} corrupt when there was none */
  finish(): void {
    const directories = this.#directories;
    if (this.#target === undefined) throw new Fault("corrupt", "the archive is empty");
    for (const { parts, mode, modified } of this.#made.toReversed()) {
      this.#doing = `writing ${shownPath(parts.join("/"))}`;
      this.#attempt(() => {
        const fd = directories?.open(parts) ?? -1;
        chmodSync(pathAt(fd), mode);
        utimesAt(fd, ".", { accessed: modified, modified });
      });
    }
  }

  [Symbol.dispose](): void {
    this.#closeFile();
    this.#directories?.[Symbol.dispose]();
    if (this.#target?.kind === "directory") this.#target.base[Symbol.dispose]();
    if (this.#target?.kind === "file") this.#target.file[Symbol.dispose]();
    this.#target = undefined;
  }

  #take(entry: TarEntry): void {
    const parts = partsOf(entry.name);
    const target = this.#target;
    if (target === undefined) this.#begin(entry, parts);
    else if (target.kind === "file") throw outside(entry.name);
    if (this.#target?.kind === "file") this.#file = { fd: overwrite(this.#target.file.fd), entry };
    else this.#make(entry, this.#placed(parts, entry.name));
  }

  /** Decides by the first member where all of them go. */
  #begin({ type, name }: TarEntry, parts: readonly ByteString[]): void {
    const { extract, followLinks } = this.#options;
    const isContents = parts.length === 0;
    if (!extract && parts.length > 1) throw outside(name);
    if (!extract) this.#first = parts[0];
    const target = extract
      ? findDirectory(this.#root, this.#path)
      : findTarget(this.#root, this.#path, { type, isContents });
    this.#target = target;
    if (target.kind === "file") return;
    this.#directories = new TargetDirectories(
      followLinks
        ? { from: this.#root, prefix: target.path, confine: "inRoot" }
        : { from: target.base.fd, prefix: "", confine: "noLinks" },
    );
  }

  /** The place of a member below the target. */
  #placed(parts: readonly ByteString[], member: ByteString): ByteString[] {
    const rename = this.#target?.kind === "directory" ? this.#target.rename : undefined;
    if (this.#options.extract) return [...parts];
    if (this.#first === undefined) return rename === undefined ? [...parts] : [rename, ...parts];
    if (parts[0] !== this.#first) throw outside(member);
    return [rename ?? this.#first, ...parts.slice(1)];
  }

  #make(entry: TarEntry, parts: readonly ByteString[]): void {
    const name = parts.at(-1);
    if (name === undefined) return; // the target itself, which is there
    const at = () => this.#directories?.open(parts.slice(0, -1)) ?? -1;
    switch (entry.type) {
      case "directory":
        this.#makeDirectory(entry, parts, name);
        break;
      case "file":
        this.#file = { fd: createFile(at(), name), entry };
        break;
      case "symbolicLink":
        replacing(at(), name, () => symlinkAt(pathBytes(entry.linkName), at(), pathBytes(name)));
        this.#own(at(), name, entry);
        utimesAt(at(), pathBytes(name), { accessed: entry.modified, modified: entry.modified });
        break;
      case "hardLink":
        this.#makeLink(entry, at, name);
        break;
      default:
        this.#options.skipped(shownPath(entry.name), entry.type === "fifo" ? "a FIFO" : "a device");
    }
  }

  #makeDirectory(entry: TarEntry, parts: readonly ByteString[], name: ByteString): void {
    const at = this.#directories?.open(parts.slice(0, -1)) ?? -1;
    try {
      mkdirAt(at, pathBytes(name), 0o700);
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
      this.#directories?.open(parts); // what stands there must be one
      return;
    }
    this.#own(at, name, entry);
    this.#made.push({ parts, mode: this.#modeOf(entry), modified: entry.modified });
  }

  #makeLink(entry: TarEntry, at: () => number, name: ByteString): void {
    const from = this.#placed(partsOf(entry.linkName), entry.linkName);
    const last = from.at(-1);
    if (last === undefined) throw outside(entry.linkName);
    const above = this.#directories?.open(from.slice(0, -1)) ?? -1;
    using file = openBeneath(above, pathBytes(last), O_PATH | constants.O_NOFOLLOW, { confine: "noLinks" });
    const directory = at();
    replacing(directory, name, () => linkFdAt(file.fd, directory, pathBytes(name)));
  }

  #own(directory: number, name: ByteString, entry: TarEntry): void {
    const owner = this.#ownerOf(entry);
    if (owner !== undefined) chownAt(directory, pathBytes(name), owner.uid, owner.gid);
  }

  #ownerOf(entry: TarEntry): { uid: number; gid: number } | undefined {
    const { owner, ids } = this.#options;
    if (owner !== "archive") return owner;
    const [uid, gid] = [onNode(entry.uid, ids?.uids), onNode(entry.gid, ids?.gids)];
    if (uid !== undefined && gid !== undefined) return { uid, gid };
    throw new Fault("invalid", `the container has no user ${entry.uid}:${entry.gid}`);
  }

  #modeOf({ mode }: TarEntry): number {
    return mode & (this.#options.owner === "archive" ? 0o7777 : ownMode);
  }

  #closeFile(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw error instanceof Fault ? during(this.#doing, error) : copyFault(this.#doing, error);
    }
  }
}

/** `./a`, `/a` and `a/` are all `a`. @throws {Fault} invalid for a name with `..` */
function partsOf(name: ByteString): ByteString[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new Fault("invalid", `the archive's ${shownName(name)} leads out of it`);
  return parts;
}

function outside(name: ByteString): Fault {
  return new Fault("invalid", `the archive's ${shownName(name)} lies outside of what is copied`);
}

/** Opens a new file in place of a file or link that stands there. One that is a mount can't be replaced: written over. */
function createFile(directory: number, name: ByteString): number {
  const create = () => openSync(within(pathAt(directory), name), newFile, 0o600);
  try {
    return replacing(directory, name, create);
  } catch (error) {
    if (errnoOf(error) !== "EBUSY") throw error;
    using standing = openBeneath(directory, pathBytes(name), O_PATH | constants.O_NOFOLLOW, {
      confine: "noLinks",
    });
    return overwrite(standing.fd);
  }
}

/** The very file that was looked at, whatever its name leads to now. @throws {Fault} invalid for what is no plain file */
function overwrite(file: number): number {
  if (!fstatSync(file).isFile()) throw new Fault("invalid", "what stands there is no plain file");
  return openSync(pathAt(file), constants.O_WRONLY | constants.O_TRUNC);
}

/** Runs `make`, which wants an empty place; if it isn't, once more after what stood there was removed. */
function replacing<Made>(directory: number, name: ByteString, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  try {
    unlinkAt(directory, pathBytes(name));
  } catch (error) {
    if (errnoOf(error) === "EISDIR") throw new Fault("invalid", "a directory stands there");
    throw error;
  }
  return make();
}
