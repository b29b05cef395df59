import type { TarEntry } from "../../wire/tar/entry.ts";
import { checksum } from "../files/checksum.ts";
import type { ListedFile } from "../files/listed-file.ts";
import { joinPath, type LayerPath } from "../names.ts";
import type { LayerDirectory } from "./layer-tree.ts";
import type { Place } from "./node.ts";

/** Who is told what the entries make, in their order. */
export interface FileList {
  add(file: ListedFile): void;
}

/** Tells a list, where one is wanted, what the entries of a layer make. */
export class EntryLister {
  readonly #list: FileList | undefined;

  constructor(list: FileList | undefined) {
    this.#list = list;
  }

  /** The checksum of a file that has grown by `chunk`. */
  grown(before: number, chunk: Uint8Array): number {
    return this.#list === undefined ? 0 : checksum(chunk, before);
  }

  file(place: Place, { mode, uid, gid, size, sparse }: TarEntry, sum: number): void {
    this.#list?.add({
      type: "file",
      path: pathOf(place),
      owner: { mode, uid, gid },
      size,
      checksum: sparse === undefined ? sum : undefined,
    });
  }

  directory({ path }: LayerDirectory, { mode, uid, gid }: TarEntry): void {
    this.#list?.add({ type: "directory", path, owner: { mode, uid, gid } });
  }

  link(place: Place, target: LayerPath): void {
    this.#list?.add({ type: "hardLink", path: pathOf(place), target });
  }

  /** A symbolic link, a FIFO or a device. */
  node(place: Place, { type, linkName }: TarEntry): void {
    const path = pathOf(place);
    if (type === "symbolicLink") this.#list?.add({ type, path, target: linkName });
    else if (type === "fifo" || type === "characterDevice" || type === "blockDevice")
      this.#list?.add({ type, path });
  }
}

function pathOf({ directory, name }: Place): LayerPath {
  return joinPath(directory.path, name);
}
