import { Readable, Writable } from "node:stream";
import koffi from "koffi";
import type { Bytes } from "../base/units.ts";
import { check, closeFd, libc, SystemCallError } from "./libc.ts";
import { newUnixSocket, unixAddress } from "./unix-socket.ts";

const connectTo = libc.func("int connect(int fd, const void *address, unsigned int length)");
const recv = libc.func("int64_t recv(int fd, _Out_ void *buffer, size_t length, int flags)");
const send = libc.func("int64_t send(int fd, const void *buffer, size_t length, int flags)");
const shutdown = libc.func("int shutdown(int fd, int how)");
const fcntl = libc.func("int fcntl(int fd, int command, int64_t argument)");

const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const F_SETFL = 4;
const F_SETOWN = 8;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;
const EAGAIN = 11;

/** What is received at most at once: more than a monitor's longest packet. */
const receiveMost: Bytes = 64 << 10;
/** What is sent as one packet: monitors read at least so much. */
const sendMost: Bytes = 8 << 10;
/** How long data may lie there that no signal told of, as when many come at once. */
const sweepMs = 500;

/** Shared by all: filled and copied from within one turn of the event loop. */
let scratch: Buffer | undefined;
const open = new Set<PacketSocket>();
const wakeAll = () => {
  for (const one of open) one.wake();
};
let sweep: NodeJS.Timeout | undefined;
let isHandled = false;

/** From the first socket on for good: a signal that nobody handles ends the process, and one may still be on its way. */
function handleSignal(): void {
  if (!isHandled) process.on("SIGIO", wakeAll);
  isHandled = true;
}

/**
 * A connected SOCK_SEQPACKET socket, which Node does not know: the kernel tells by SIGIO when there is something to read
 * or room to write (fcntl(2), O_ASYNC), and nothing here blocks. For the main thread, where signals arrive.
 */
export class PacketSocket {
  readonly #fd: number;
  #closed = false;
  /** Each packet as it came. Ends when the other side has closed. */
  readonly packets: Readable;
  /** Each write is a packet, cut at 8 kB. Ending it tells the other side that no more comes. */
  readonly output: Writable;
  #reading = false;
  #blocked: (() => void) | undefined;

  /** @throws {SystemCallError} as when nobody listens there; {RangeError} for a path that is too long */
  constructor(path: string) {
    this.#fd = newUnixSocket("packets");
    try {
      const address = unixAddress(path);
      check(connectTo(this.#fd, address, address.length), "connect", path);
      handleSignal();
      check(fcntl(this.#fd, F_SETOWN, process.pid), "fcntl", "F_SETOWN");
      check(fcntl(this.#fd, F_SETFL, O_NONBLOCK | O_ASYNC), "fcntl", "F_SETFL");
    } catch (error) {
      closeFd(this.#fd);
      throw error;
    }
    watch(this);
    this.packets = new Readable({
      objectMode: true,
      highWaterMark: 16,
      read: () => {
        this.#reading = true;
        this.#receive();
      },
      destroy: (error, done) => {
        this.close();
        done(error);
      },
    });
    this.output = new Writable({
      highWaterMark: receiveMost,
      write: (data: Buffer, _encoding, done) => this.#send(data, done),
      final: (done) => {
        if (!this.#closed) shutdown(this.#fd, SHUT_WR);
        done();
      },
    });
    this.output.on("error", () => undefined); // the other side is gone, which `packets` tells
  }

  /** Something may have changed: looks whether it can go on. */
  wake(): void {
    this.#receive();
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    unwatch(this);
    closeFd(this.#fd);
    this.packets.destroy();
    this.output.destroy();
  }

  #receive(): void {
    while (this.#reading && !this.#closed) {
      scratch ??= Buffer.alloc(receiveMost);
      const count = Number(recv(this.#fd, scratch, scratch.length, 0));
      if (count < 0 && koffi.errno() === EAGAIN) return;
      if (count <= 0) {
        this.#reading = false;
        this.packets.push(null); // closed, or reset: it is over either way
        return;
      }
      this.#reading = this.packets.push(Buffer.from(scratch.subarray(0, count)));
    }
  }

  #send(data: Buffer, done: (error?: Error | null) => void): void {
    for (let rest = data; rest.length > 0 && !this.#closed; ) {
      const piece = rest.subarray(0, sendMost);
      const count = Number(send(this.#fd, piece, piece.length, MSG_NOSIGNAL));
      if (count < 0) {
        const errno = koffi.errno();
        const left = rest;
        if (errno === EAGAIN) this.#blocked = () => this.#send(left, done);
        else done(new SystemCallError("send", "", errno));
        return;
      }
      rest = rest.subarray(count);
    }
    done();
  }
}

function watch(one: PacketSocket): void {
  open.add(one);
  if (sweep !== undefined) return;
  sweep = setInterval(wakeAll, sweepMs);
}

function unwatch(one: PacketSocket): void {
  open.delete(one);
  if (open.size > 0) return;
  clearInterval(sweep);
  sweep = undefined;
}
