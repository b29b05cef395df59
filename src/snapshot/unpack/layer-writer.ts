import { chmodSync, constants, fchmodSync, fchownSync, ftruncateSync, writeSync } from "node:fs";
import { Fault, type FaultKind } from "../../base/fault.ts";
import { pathBytes, shownName } from "../../linux/byte-path.ts";
import { chownAt, linkAt, utimesAt } from "../../linux/files-at.ts";
import { errnoOf, systemFault } from "../../linux/libc.ts";
import { type OwnedFd, openBeneath, pathAt } from "../../linux/open-beneath.ts";
import type { ByteString, TarEntry, TarSink } from "../../wire/tar/entry.ts";
import { joinPath, maxLayerPath } from "../names.ts";
import type { LayerNotes } from "../notes.ts";
import type { UnpackLimits } from "../unpack-contract.ts";
import { clearAttributes, setAttributes, sortAttributes } from "./attributes.ts";
import { EntryLister, type FileList } from "./entry-lister.ts";
import { allOf, type LayerDirectory, LayerTree, replace, unspoken } from "./layer-tree.ts";
import { clearPlace, inPlace, lstatPlace, makeNode, type Place, placePath, setTimes } from "./node.ts";
import { leadsOut, partsOf, walkTo } from "./resolve.ts";

const whiteout = ".wh.";
/** Names that aufs kept for itself, and the mark of an opaque directory among them. */
const reserved = ".wh..wh.";
const opaqueMark = ".wh..wh..opq";
const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const maxLateAttributes = 16_777_216;

/** A regular file that is being written. */
interface OpenFile {
  readonly fd: OwnedFd;
  readonly place: Place;
  readonly entry: TarEntry;
  checksum: number;
}

/**
 * Writes a layer's entries as they come into an empty directory (OCI image spec, layer.md). Whiteouts and what lies in
 * the layers below are not its business: it keeps notes of them.
 *
 * @throws {Fault} from every method: invalid for an entry that a layer may not hold, exhausted, or what the disk says;
 * the entry is named
 */
export class LayerWriter implements TarSink, Disposable {
  readonly #directory: string;
  readonly #tree: LayerTree;
  readonly #limits: UnpackLimits;
  readonly #lister: EntryLister;
  #file: OpenFile | undefined;
  #name: ByteString = "";
  #written = 0;
  #claimed = 0;
  #links = 0;
  #lateBytes = 0;
  #entries = 0;

  constructor(directory: string, limits: UnpackLimits, list?: FileList) {
    this.#directory = directory;
    this.#tree = new LayerTree(directory);
    this.#limits = limits;
    this.#lister = new EntryLister(list);
  }

  get entries(): number {
    return this.#entries;
  }

  entry(entry: TarEntry): void {
    this.#entries++;
    this.#claimed += entry.size;
    if (this.#entries > this.#limits.maxFiles)
      throw new Fault("exhausted", `the layer has more than ${this.#limits.maxFiles} entries`);
    if (this.#claimed > this.#limits.maxUnpacked)
      throw new Fault("exhausted", `the layer's files take more than ${this.#limits.maxUnpacked} bytes`);
    this.#name = entry.name;
    this.#written = 0;
    this.#attempt(() => this.#take(entry));
  }

  data(chunk: Uint8Array, offset: number): void {
    const file = this.#file;
    if (file === undefined) return; // the content of a whiteout: of no use
    this.#attempt(() => {
      for (let done = 0; done < chunk.length; )
        done += writeSync(file.fd.fd, chunk, done, chunk.length - done, offset + done);
    });
    this.#written = offset + chunk.length;
    file.checksum = this.#lister.grown(file.checksum, chunk);
  }

  entryEnd(): void {
    const file = this.#file;
    if (file === undefined) return;
    const { place, entry } = file;
    const { fd } = file.fd;
    this.#attempt(() => {
      if (this.#written < entry.size) ftruncateSync(fd, entry.size);
      // in this order: a new owner takes setuid and capabilities away, a write the times
      fchownSync(fd, entry.uid, entry.gid);
      const { now } = sortAttributes(entry.extendedAttributes);
      if (now.size > 0) setAttributes(placePath(this.#tree, place), now);
      fchmodSync(fd, entry.mode);
      setTimes(this.#tree, place, entry);
    });
    this.#lister.file(place, entry, file.checksum);
    this.#closeFile();
  }

  /** Gives the directories the modes and times that their entries said. To be called once, after the last entry. */
  finish(): LayerNotes {
    const all = [...allOf(this.#tree.root)];
    this.#attempt(() => {
      for (const directory of all.toReversed()) this.#finishDirectory(directory);
    });
    const links = all.flatMap(({ path, links }) =>
      [...links].map(([name, link]) => ({ ...link, path: joinPath(path, name) })),
    );
    return {
      implicit: all.filter(({ entry }) => entry === undefined).map(({ path }) => path),
      whiteouts: all.flatMap(({ path, hidden }) => [...hidden].map((name) => joinPath(path, name))),
      opaque: all.filter(({ opaque }) => opaque).map(({ path }) => path),
      links: links.toSorted((a, b) => a.order - b.order).map(({ path, target }) => ({ path, target })),
    };
  }

  [Symbol.dispose](): void {
    this.#closeFile();
    this.#tree[Symbol.dispose]();
  }

  #take(entry: TarEntry): void {
    const parts = partsOf(entry.name, entry.name);
    const above = parts.slice(0, -1);
    const name = parts.at(-1);
    if (name === undefined) {
      if (entry.type !== "directory") throw leadsOut(entry.name, "the root of a layer is a directory");
      this.#describe(this.#tree.root, entry);
      return;
    }
    if (parts.some((part) => part.startsWith(reserved) && part !== opaqueMark)) return;
    if (above.some((part) => part.startsWith(whiteout)))
      throw new Fault("invalid", `the layer's entry ${shownName(entry.name)} lies below a whiteout`);
    const directory = walkTo(this.#tree, above, true, entry.name) ?? this.#tree.root;
    if (name === opaqueMark) directory.opaque = true;
    else if (name.startsWith(whiteout)) this.#hide({ directory, name: name.slice(whiteout.length) }, entry);
    else if (entry.type === "directory") this.#makeDirectory({ directory, name }, entry);
    else this.#make({ directory, name }, entry);
  }

  /** A whiteout hides what lies below, never what this very layer brings: of a directory it leaves that part. */
  #hide(place: Place, entry: TarEntry): void {
    const { directory, name } = place;
    if (name === "" || name === "." || name === "..") throw leadsOut(entry.name, `a whiteout of "${name}"`);
    const known = directory.children.get(name);
    if (known !== undefined) replace(known);
    else if (!directory.links.has(name) && lstatPlace(this.#tree, place) === undefined)
      directory.hidden.add(name);
  }

  #make(place: Place, entry: TarEntry): void {
    const { directory, name } = place;
    if (joinPath(directory.path, name).length > maxLayerPath)
      throw new Fault("invalid", `too long a path: ${shownName(entry.name)}`);
    if (entry.type === "hardLink") this.#makeLink(place, entry);
    else if (entry.type === "file") inPlace(this.#tree, place, () => this.#makeFile(place, entry));
    else {
      inPlace(this.#tree, place, () => makeNode(this.#tree, place, entry));
      this.#lister.node(place, entry);
    }
    directory.hidden.delete(name);
    if (entry.type !== "hardLink") directory.links.delete(name);
  }

  #makeFile(place: Place, entry: TarEntry): void {
    const at = this.#tree.fd(place.directory);
    const fd = openBeneath(at, pathBytes(place.name), newFile, { confine: "noLinks", mode: 0o600 });
    this.#file = { fd, place, entry, checksum: 0 };
  }

  #makeLink(place: Place, entry: TarEntry): void {
    const { directory, name } = place;
    const target = this.#linkTarget(entry);
    if (target === undefined) {
      clearPlace(this.#tree, place);
      const path = partsOf(entry.linkName, entry.name).join("/");
      directory.links.set(name, { target: path, order: this.#links++ });
      this.#lister.link(place, path);
      return;
    }
    if (target.directory === directory && target.name === name) return;
    this.#lister.link(place, joinPath(target.directory.path, target.name));
    directory.links.delete(name);
    inPlace(this.#tree, place, () => {
      const { from, to } = this.#tree.fdPair(target.directory, directory);
      linkAt(from, pathBytes(target.name), to, pathBytes(name));
    });
  }

  /** Where this layer has the file that a hard link names; undefined when it may lie in a layer below. */
  #linkTarget(entry: TarEntry): Place | undefined {
    const parts = partsOf(entry.linkName, entry.name);
    const name = parts.at(-1);
    if (name === undefined) throw leadsOut(entry.name, "a hard link to the root");
    const directory = walkTo(this.#tree, parts.slice(0, -1), false, entry.name);
    if (directory === undefined) return undefined;
    if (directory.children.has(name))
      throw new Fault("invalid", `the layer's entry ${shownName(entry.name)} is a hard link to a directory`);
    return lstatPlace(this.#tree, { directory, name }) === undefined ? undefined : { directory, name };
  }

  #makeDirectory(place: Place, entry: TarEntry): void {
    const { directory, name } = place;
    let made = directory.children.get(name);
    if (made === undefined) {
      const waiting = directory.links.delete(name);
      const replaces = clearPlace(this.#tree, place) || waiting;
      made = this.#tree.make(directory, name);
      if (replaces) replace(made); // what stood here in this layer had hidden the layers below
    }
    this.#describe(made, entry);
  }

  /** Notes what a directory's entry says, and sets what is not changed by writing into the directory. */
  #describe(directory: LayerDirectory, entry: TarEntry): void {
    const { now, late } = sortAttributes(entry.extendedAttributes);
    for (const value of late.values()) this.#lateBytes += value.length;
    if (this.#lateBytes > maxLateAttributes)
      throw new Fault("exhausted", `the layer's default ACLs take more than ${maxLateAttributes} bytes`);
    const fd = this.#tree.fd(directory);
    const path = `${pathAt(fd)}/.`;
    if (directory.entry !== undefined) clearAttributes(path);
    chownAt(fd, ".", entry.uid, entry.gid);
    setAttributes(path, now);
    const { mode, modified } = entry;
    directory.entry = { mode, modified, accessed: entry.accessed ?? modified, late };
    this.#lister.directory(directory, entry);
  }

  #finishDirectory(directory: LayerDirectory): void {
    this.#name = directory.path;
    const fd = this.#tree.fd(directory);
    const entry = directory.entry ?? unspoken;
    setAttributes(`${pathAt(fd)}/.`, entry.late);
    // By the descriptor: the C library takes four calls for a name that must not be followed.
    chmodSync(pathAt(fd), entry.mode);
    utimesAt(fd, ".", entry);
  }

  #closeFile(): void {
    this.#file?.fd[Symbol.dispose]();
    this.#file = undefined;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Fault) throw error;
      const doing = `unpacking the layer's entry ${shownName(this.#name)}`;
      const kind = kindOfLayer(errnoOf(error));
      if (kind === undefined) throw systemFault(doing, error, { path: this.#directory });
      throw new Fault(kind, doing, { cause: error });
    }
  }
}

/** What the kernel refuses for its name, its place or its size is the layer's fault; undefined for all else. */
function kindOfLayer(code: string | undefined): FaultKind | undefined {
  switch (code) {
    case "ENAMETOOLONG":
    case "ELOOP":
    case "ENOENT":
    case "ENOTDIR":
    case "EEXIST":
    case "EINVAL":
      return "invalid";
    case "EFBIG":
    case "EMLINK":
      return "exhausted";
    default:
      return undefined;
  }
}
