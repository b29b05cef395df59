import { closeSync, openSync, readSync } from "node:fs";
import { Growth } from "../../base/growth.ts";
import type { Bytes } from "../../base/units.ts";
import { systemFault } from "../../linux/libc.ts";
import type { Supply } from "./inbox.ts";

/** Small enough to stay in the processor's cache while it is hashed and passed on. */
const pieceMax: Bytes = 262_144;

/** Reads a file that another thread writes, as far as it is written. */
export class GrowingFile implements Supply, Disposable {
  readonly #path: string;
  readonly #growth: Growth;
  readonly #fd: number;
  readonly #memory = new Uint8Array(pieceMax);
  #at: Bytes = 0;
  #peeked: Uint8Array | undefined;

  /** @throws {Fault} as the file system says */
  constructor(path: string, growth: SharedArrayBuffer) {
    this.#path = path;
    this.#growth = new Growth(growth);
    this.#fd = this.#attempt(() => openSync(path, "r"));
  }

  peek(): Uint8Array | undefined {
    const here = this.#growth.bytes - this.#at;
    if (this.#peeked !== undefined || here === 0) return this.#peeked;
    const count = this.#attempt(() =>
      readSync(this.#fd, this.#memory, 0, Math.min(here, pieceMax), this.#at),
    );
    this.#peeked = this.#memory.subarray(0, count);
    return this.#peeked;
  }

  release(count: Bytes): void {
    this.#at += count;
    this.#peeked = undefined;
  }

  setWaiting(): void {
    this.#growth.setWaiting();
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw systemFault(`reading the layer's blob at ${this.#path}`, error, { path: this.#path });
    }
  }
}
