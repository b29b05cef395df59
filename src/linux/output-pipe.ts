import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { Bytes } from "../base/units.ts";

/** A pipe holds at most this much unless someone raised it: what a process wrote before it exited fits. */
const drainMax: Bytes = 1 << 20;
/** Shared by all: filled and copied from within one turn of the event loop. */
let scratch: Buffer | undefined;

/**
 * Reads a pipe as data comes, keeping the first `max` bytes and dropping the rest, so that the writer never
 * blocks.
 */
export class OutputPipe {
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #kept: Buffer[] = [];
  readonly #max: Bytes;
  #size: Bytes = 0;
  truncated = false;
  /** Resolves when every process that held the write end has closed it. */
  readonly ended: Promise<void>;

  /** Takes over `fd`, the read end. */
  constructor(fd: number, max: Bytes) {
    scratch ??= Buffer.alloc(65536);
    this.#fd = fd;
    this.#max = max;
    this.#socket = new Socket({
      fd,
      readable: true,
      writable: false,
      onread: {
        buffer: scratch,
        callback: (count, data) => {
          this.#keep(Buffer.from(data.buffer, data.byteOffset, count));
          return true;
        },
      },
    });
    this.#socket.on("error", () => this.#socket.destroy());
    this.ended = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.resume();
  }

  #keep(data: Buffer): void {
    const room = this.#max - this.#size;
    if (data.length > room) this.truncated = true;
    if (room <= 0) return;
    const kept = Buffer.from(data.subarray(0, room));
    this.#kept.push(kept);
    this.#size += kept.length;
  }

  /**
   * Takes what is in the pipe now and closes it. Called once the writer has exited: whoever inherited the
   * other end (a monitor that goes on in the background) is not waited for.
   */
  finish(): Buffer {
    if (!this.#socket.destroyed) {
      this.#socket.pause();
      this.#drain();
      this.#socket.destroy();
    }
    return Buffer.concat(this.#kept, this.#size);
  }

  #drain(): void {
    const buffer = Buffer.alloc(65536);
    for (let drained = 0; drained < drainMax; ) {
      let count: number;
      try {
        count = readSync(this.#fd, buffer);
      } catch {
        return; // EAGAIN: empty, though another process holds the write end
      }
      if (count === 0) return;
      drained += count;
      this.#keep(buffer.subarray(0, count));
    }
  }
}
