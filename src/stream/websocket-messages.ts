import { Writable } from "node:stream";
import type { WebSocket } from "ws";
import type { Bytes } from "../base/units.ts";

/** What may wait for a slow client before what it reads is held up. */
const mostUnsent: Bytes = 256 << 10;
/** What a channel's number begins with in text. */
const zero = "0".charCodeAt(0);

/**
 * Messages of channels over one WebSocket: a byte for the channel and the data, or, where the protocol's name says so,
 * the channel as a digit and the data in base64 (Kubernetes: wsstream).
 */
export class WebSocketMessages {
  readonly #socket: WebSocket;
  readonly #base64: boolean;

  constructor(socket: WebSocket, protocol: string) {
    this.#socket = socket;
    this.#base64 = protocol.includes("base64.");
  }

  /** Has `take` called with each message of the client. A message of any kind is read as what it is. */
  onMessage(take: (channel: number, payload: Buffer) => void): void {
    this.#socket.on("message", (data: Buffer, isBinary: boolean) => {
      const [first] = data;
      if (first === undefined) return;
      if (isBinary) take(first, data.subarray(1));
      else take(first - zero, Buffer.from(data.toString("latin1", 1), "base64"));
    });
  }

  /** Settles when it is handed to the kernel, or can't be. */
  send(channel: number, data: Buffer): Promise<void> {
    return new Promise((resolve) => this.#send(channel, data, resolve));
  }

  /** What is written to it goes to one channel, at the client's pace. */
  output(channel: number): Writable {
    return new Writable({
      write: (data: Buffer, _encoding, done) => {
        let isHeld = false;
        this.#send(channel, data, () => isHeld && done());
        if (this.#socket.bufferedAmount < mostUnsent) done();
        else isHeld = true;
      },
    });
  }

  #send(channel: number, data: Buffer, done: () => void): void {
    const message = this.#base64
      ? String.fromCharCode(zero + channel) + data.toString("base64")
      : Buffer.concat([Buffer.from([channel]), data]);
    this.#socket.send(message, { binary: !this.#base64 }, done);
  }

  /** Hands `payload` on, and reads no further than `to` takes: what waits must not fill memory. */
  pass(payload: Buffer, to: Writable): void {
    if (to.destroyed || to.writableEnded || to.write(payload)) return;
    this.#socket.pause();
    const resume = () => {
      to.off("drain", resume).off("close", resume);
      this.#socket.resume();
    };
    to.on("drain", resume).on("close", resume); // what still comes after its end is dropped
  }
}
