import { fchownSync } from "node:fs";
import { Socket } from "node:net";
import type { Bytes } from "../base/units.ts";
import type { FileOwner } from "./contract.ts";
import { check, closeFd, libc } from "./libc.ts";
import { closeOnExecPipe } from "./posix-spawn.ts";

const fcntl = libc.func("int fcntl(int fd, int command, ...)");
const F_SETPIPE_SZ = 1031;
const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
const FIONREAD = 0x541b;

/** How much was written into a pipe or FIFO, of which `fd` is an end, that nobody has read. @throws {SystemCallError} */
export function unreadBytes(fd: number): Bytes {
  const count = new Int32Array(1);
  check(ioctl(fd, FIONREAD, count), "ioctl", "FIONREAD");
  return count[0] ?? 0;
}

/** A pipe between this process and one that it starts. Both ends are close-on-exec, and closed when disposed of. */
export class Pipe {
  readonly read: number;
  readonly write: number;
  readonly #open: Set<number>;

  /** @throws {SystemCallError} when there are no descriptors left */
  constructor() {
    [this.read, this.write] = closeOnExecPipe();
    this.#open = new Set([this.read, this.write]);
  }

  close(end: "read" | "write"): void {
    if (this.#open.delete(this[end])) closeFd(this[end]);
  }

  /** Lets it hold more than the usual 64 KiB, where the kernel grants that (pipe(7)): else it is only slower. */
  widen(size: Bytes): void {
    fcntl(this.write, F_SETPIPE_SZ, "int", size);
  }

  /** Lets `owner` open it anew, by /proc/self/fd; undefined: as it is. */
  give(owner: FileOwner | undefined): void {
    if (owner !== undefined) fchownSync(this.write, owner.uid, owner.gid);
  }

  /** Hands an end over: who takes it closes it. */
  release(end: "read" | "write"): number {
    this.#open.delete(this[end]);
    return this[end];
  }

  /**
   * The first line that is written into it, without its end; what was written when the writers are gone, or when it is
   * longer than `max`. Rejects when `signal` aborts. Closes the read end.
   */
  async firstLine(max: Bytes, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return await firstLineOf(this.release("read"), max, signal);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) closeFd(fd);
    this.#open.clear();
  }
}

/** As `Pipe.firstLine`, of the read end of any pipe or FIFO. */
export async function firstLineOf(fd: number, max: Bytes, signal: AbortSignal): Promise<string> {
  const socket = new Socket({ fd, readable: true, writable: false, signal });
  let text = "";
  try {
    for await (const data of socket) {
      text += (data as Buffer).toString("latin1");
      if (text.includes("\n") || text.length > max) break;
    }
  } finally {
    socket.destroy();
  }
  return Buffer.from(text.split("\n", 1)[0] ?? "", "latin1").toString("utf8");
}
