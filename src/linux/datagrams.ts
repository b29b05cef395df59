import type { Bytes, Ms } from "../base/units.ts";
import { check, closeFd, errnoOf, libc } from "./libc.ts";
import { newUnixSocket, unixAddress } from "./unix-socket.ts";

const sendto = libc.func(
  "intptr_t sendto(int fd, const void *data, size_t size, int flags, const void *address, unsigned int length)",
);
const MSG_NOSIGNAL = 0x4000;

/** How soon what was not taken is offered again: quickly at first, for who is only busy. */
const firstRetryMs: Ms = 5;
const lastRetryMs: Ms = 1000;

/** Sends datagrams to a unix socket, by path or abstract name. Nothing here waits. */
export class DatagramSender implements Disposable {
  readonly address: Buffer;
  readonly fd: number;
  readonly path: string;

  /** @throws {SystemCallError}; {RangeError} for a path that is too long */
  constructor(path: string) {
    this.path = path;
    this.address = unixAddress(path);
    this.fd = newUnixSocket("datagrams");
  }

  /** @throws {SystemCallError} EAGAIN when the receiver's queue is full; ENOENT, ECONNREFUSED when nobody receives */
  send(data: Buffer): void {
    const { address, fd } = this;
    const sent = Number(sendto(fd, data, data.length, MSG_NOSIGNAL, address, address.length));
    check(sent, "sendto", this.path);
  }

  [Symbol.dispose](): void {
    closeFd(this.fd);
  }
}

/** The receiver is busy, away for a moment, or starts: the same datagram may be taken later. */
const passing: ReadonlySet<string> = new Set([
  ...["EAGAIN", "EINTR", "ENOBUFS", "ENOMEM"],
  ...["ENOENT", "ECONNREFUSED", "ECONNRESET"],
]);

/** How datagrams are sent that may have to wait. */
export interface Sending {
  /** @throws {SystemCallError} as the kernel says */
  send(data: Buffer): void;
  /** What tells the receiver that so many are missing. */
  missing(count: number): Buffer;
  /** How much may wait. */
  readonly most: Bytes;
}

/**
 * What a receiver does not take at once, kept in order and offered again. Beyond what may wait the oldest is let go, and the
 * receiver is told how many are missing, where they are missing.
 */
export class UnsentDatagrams {
  readonly #sending: Sending;
  readonly #waiting: Buffer[] = [];
  #held: Bytes = 0;
  #lost = 0;
  #retry: NodeJS.Timeout | undefined;
  #pause: Ms = firstRetryMs;

  constructor(sending: Sending) {
    this.#sending = sending;
  }

  /** Sends it now or, when others wait or the receiver takes nothing, later. */
  push(data: Buffer): void {
    this.#waiting.push(data);
    this.#held += data.length;
    if (this.#retry === undefined) this.#drain();
    while (this.#held > this.#sending.most) this.#letGo();
  }

  /** Offers what waits again and again for at most `within`, holding up this thread: for the end of a process. */
  flush(within: Ms): void {
    const until = performance.now() + within;
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    while (this.#waiting.length > 0 && performance.now() < until) {
      this.#drain();
      if (this.#waiting.length > 0) Atomics.wait(nobody, 0, 0, firstRetryMs);
    }
  }

  #drain(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    while (this.#lost > 0 || this.#waiting.length > 0) {
      const isTelling = this.#lost > 0;
      const outcome = this.#try(isTelling ? this.#sending.missing(this.#lost) : this.#waiting[0]);
      if (outcome === "later") {
        this.#retryLater();
        return;
      }
      this.#pause = firstRetryMs;
      if (isTelling) this.#lost = 0;
      else if (outcome === "refused") this.#letGo();
      else this.#remove();
    }
  }

  #try(data: Buffer | undefined): "sent" | "later" | "refused" {
    try {
      if (data !== undefined) this.#sending.send(data);
      return "sent";
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      return passing.has(code) ? "later" : "refused";
    }
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => this.#drain(), this.#pause).unref();
    this.#pause = Math.min(this.#pause * 2, lastRetryMs);
  }

  #letGo(): void {
    this.#remove();
    this.#lost += 1;
  }

  #remove(): void {
    this.#held -= this.#waiting.shift()?.length ?? 0;
  }
}
