import { closeSync, readSync } from "node:fs";
import { Socket } from "node:net";
import type { Bytes, Ms } from "../base/units.ts";
import { setNonBlocking } from "./posix-spawn.ts";

/** A pipe holds at most this much unless someone raised it: what a process wrote before it exited fits. */
const drainMax: Bytes = 1 << 20;
const scratchBytes: Bytes = 65536;
/** Shared by all: filled and copied from within one turn of the event loop. */
let scratch: Buffer | undefined;

/**
 * The output of a program, of which the first `max` bytes are kept. What most programs print fits into the pipe, and is
 * taken from it when they have ended; of one that runs on after `lazyMs`, it is read as it comes and the rest dropped,
 * so that the writer is never blocked for longer.
 */
export class OutputPipe {
  readonly #fd: number;
  readonly #kept: Buffer[] = [];
  readonly #max: Bytes;
  readonly #closed = Promise.withResolvers<void>();
  #reading: Socket | undefined;
  #later: NodeJS.Timeout | undefined;
  #finished = false;
  #size: Bytes = 0;
  truncated = false;

  /** Takes over `fd`, the read end. */
  constructor(fd: number, max: Bytes, lazyMs: Ms) {
    this.#fd = fd;
    this.#max = max;
    setNonBlocking(fd);
    this.#later = setTimeout(() => this.#readOn(), lazyMs);
  }

  /** Resolves when every process that held the write end has closed it, or this end is closed. */
  get ended(): Promise<void> {
    if (!this.#finished && this.#reading === undefined) {
      if (this.#drain()) this.#close();
      else this.#readOn();
    }
    return this.#closed.promise;
  }

  /**
   * Takes what is in the pipe now and closes it. Called once the writer has exited: whoever inherited the
   * other end (a monitor that goes on in the background) is not waited for.
   */
  finish(): Buffer {
    // A stream that has met the end has closed the descriptor, whose number may be another's by now.
    if (!this.#finished && this.#reading?.destroyed !== true) {
      this.#reading?.pause();
      this.#drain();
      this.#close();
    }
    return Buffer.concat(this.#kept, this.#size);
  }

  #readOn(): void {
    clearTimeout(this.#later);
    scratch ??= Buffer.alloc(scratchBytes);
    const socket = new Socket({
      fd: this.#fd,
      readable: true,
      writable: false,
      onread: {
        buffer: scratch,
        callback: (count, data) => {
          this.#keep(data, count);
          return true;
        },
      },
    });
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#finished = true;
      this.#closed.resolve();
    });
    socket.resume();
    this.#reading = socket;
  }

  #close(): void {
    clearTimeout(this.#later);
    this.#finished = true;
    if (this.#reading !== undefined) {
      this.#reading.destroy();
      return;
    }
    closeSync(this.#fd);
    this.#closed.resolve();
  }

  #keep(data: Uint8Array, count: Bytes): void {
    const room = this.#max - this.#size;
    if (count > room) this.truncated = true;
    if (room <= 0) return;
    const kept = Buffer.from(data.subarray(0, Math.min(count, room)));
    this.#kept.push(kept);
    this.#size += kept.length;
  }

  /** True when the writers are gone. */
  #drain(): boolean {
    scratch ??= Buffer.alloc(scratchBytes);
    for (let drained = 0; drained < drainMax; ) {
      let count: number;
      try {
        count = readSync(this.#fd, scratch);
      } catch {
        return false; // EAGAIN: empty, though another process holds the write end
      }
      if (count === 0) return true;
      drained += count;
      this.#keep(scratch, count);
    }
    return false;
  }
}
