import { closeSync, openSync, writeSync } from "node:fs";
import { constants, zstdCompressSync } from "node:zlib";
import { systemFault } from "../../linux/libc.ts";
import { formatListedFile, type ListedFile } from "./listed-file.ts";

/** How much text is packed at once; each piece is a zstd frame of its own. */
const frameCharacters = 262_144;
const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Writes what a layer's entries make, in their order, to a new file. What of it is not `end`ed is not whole. */
export class FileListWriter implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  #waiting = "";
  #closed = false;

  /** @throws {Fault} */
  constructor(path: string) {
    this.#path = path;
    this.#fd = this.#attempt(() => openSync(path, "wx", 0o600));
  }

  /** @throws {Fault} exhausted when the disk is full */
  add(file: ListedFile): void {
    this.#waiting += formatListedFile(file);
    if (this.#waiting.length >= frameCharacters) this.#flush();
  }

  /** @throws {Fault} exhausted when the disk is full */
  end(): void {
    this.#flush();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }

  #flush(): void {
    if (this.#waiting === "") return;
    const frame = zstdCompressSync(Buffer.from(this.#waiting, "latin1"), fastest);
    this.#waiting = "";
    this.#attempt(() => {
      for (let done = 0; done < frame.length; ) done += writeSync(this.#fd, frame, done);
    });
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw systemFault(`listing the layer's files in ${this.#path}`, error, { path: this.#path });
    }
  }
}
