import { constants } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { pathBytes, shownName } from "../../linux/byte-path.ts";
import { mkdirAt } from "../../linux/files-at.ts";
import { O_PATH, type OwnedFd, openBeneath, openDirectory } from "../../linux/open-beneath.ts";
import type { ByteString } from "../../wire/tar/entry.ts";
import { joinPath, type LayerPath, maxLayerPath } from "../names.ts";

/** What a directory's entry said, kept until the layer is complete: writing into it changes its times. */
export interface DirectoryEntry {
  readonly mode: number;
  readonly accessed: bigint;
  readonly modified: bigint;
  /** Default ACLs: they would be inherited by what is made in the directory. */
  readonly late: ReadonlyMap<string, Uint8Array>;
}

/** A directory that this layer made. Nothing else is ever written into. */
export interface LayerDirectory {
  readonly path: LayerPath;
  readonly name: ByteString;
  readonly parent: LayerDirectory | undefined;
  readonly children: Map<ByteString, LayerDirectory>;
  /** Names in it that are hidden from the layers below, and where nothing of this layer stands. */
  readonly hidden: Set<ByteString>;
  /** Hard links in it that wait for the layers below. */
  readonly links: Map<ByteString, { readonly target: LayerPath; readonly order: number }>;
  opaque: boolean;
  /** Undefined: made because something below it needed it. */
  entry: DirectoryEntry | undefined;
  open: OwnedFd | undefined;
}

const maxOpen = 256;

/**
 * The directories of the layer being unpacked. The unpacker is the only one who writes there, and starts with an empty
 * one; still, each is only reached by its descriptor, opened one part at a time beneath its parent, links refused.
 */
export class LayerTree implements Disposable {
  readonly root: LayerDirectory;
  readonly #opened: LayerDirectory[] = [];

  constructor(path: string) {
    this.root = newDirectory(undefined, "", "");
    this.root.open = openDirectory(path);
  }

  /** A descriptor for calls relative to `directory`: for use at once, not to be kept. */
  fd(directory: LayerDirectory): number {
    if (directory.open !== undefined) return directory.open.fd;
    const { parent } = directory;
    if (parent === undefined) throw new Fault("internal", "the layer is closed");
    const above = this.fd(parent);
    directory.open = openBeneath(above, pathBytes(directory.name), O_PATH | constants.O_DIRECTORY, {
      confine: "noLinks",
    });
    this.#opened.push(directory);
    if (this.#opened.length > maxOpen) close(this.#opened.shift());
    return directory.open.fd;
  }

  /** Two descriptors that are both good at once: opening the one may close another. */
  fdPair(first: LayerDirectory, second: LayerDirectory): { from: number; to: number } {
    this.fd(second);
    const from = this.fd(first);
    return { from, to: this.fd(second) };
  }

  /** Makes a directory where nothing stands. @throws {SystemCallError} EEXIST */
  make(parent: LayerDirectory, name: ByteString): LayerDirectory {
    const path = joinPath(parent.path, name);
    if (path.length > maxLayerPath) throw new Fault("invalid", `too long a path: ${shownName(path)}`);
    mkdirAt(this.fd(parent), pathBytes(name), 0o700);
    const made = newDirectory(parent, name, path);
    // what was hidden here stays hidden: the new directory shows nothing of the layers below
    if (parent.hidden.delete(name)) replace(made);
    parent.children.set(name, made);
    return made;
  }

  /** Forgets a directory and all below it; the caller removes the files. */
  forget(directory: LayerDirectory): void {
    directory.parent?.children.delete(directory.name);
    for (const each of allOf(directory)) close(each);
  }

  [Symbol.dispose](): void {
    for (const each of allOf(this.root)) close(each);
  }
}

/** Nothing of the layers below shows in it: neither what it held there, nor what it looked like. */
export function replace(directory: LayerDirectory): void {
  directory.opaque = true;
  directory.entry ??= unspoken;
}

/** How a directory looks that no entry speaks of, and that no layer below has. */
export const unspoken: DirectoryEntry = { mode: 0o755, accessed: 0n, modified: 0n, late: new Map() };

/** `directory` and all below it, each before what it holds. */
export function* allOf(directory: LayerDirectory): Generator<LayerDirectory> {
  const waiting = [directory];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    waiting.push(...next.children.values());
  }
}

function newDirectory(parent: LayerDirectory | undefined, name: ByteString, path: LayerPath): LayerDirectory {
  return {
    path,
    name,
    parent,
    children: new Map(),
    hidden: new Set(),
    links: new Map(),
    opaque: false,
    entry: undefined,
    open: undefined,
  };
}

function close(directory: LayerDirectory | undefined): void {
  directory?.open?.[Symbol.dispose]();
  if (directory !== undefined) directory.open = undefined;
}
