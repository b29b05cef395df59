import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { maxFrameData } from "../ttrpc/frames.ts";

/** The connections within a plugin's: on which it is called, and on which it calls. */
export const nriConnections = { plugin: 1, runtime: 2 } as const;

/** Which connection (4 bytes), and how much of it comes (4 bytes), big-endian. */
const headerLength: Bytes = 8;
/** A whole ttrpc frame: upstream's side never sends more at once. */
const maxPayload: Bytes = maxFrameData + 10;
/** What upstream's side reads at once at least, wherever it is in a message; more only where that is the message's rest. */
const firstPayload: Bytes = 4096;

/**
 * Several connections over one, as NRI's plugins have them: each a duplex stream for ttrpc. They need no opening on the other
 * side, and end together with the one that carries them.
 *
 * One that is not read holds up the others: neither side may leave one unread.
 */
export class Multiplexer {
  readonly #trunk: Socket;
  readonly #channels = new Map<number, Channel>();
  readonly #full = new Set<Channel>();
  readonly #closed = Promise.withResolvers<Fault>();
  #header = Buffer.alloc(0);
  #coming: { readonly channel: Channel | undefined; left: Bytes } | undefined;
  #reason: Fault | undefined;

  constructor(trunk: Socket) {
    this.#trunk = trunk;
    trunk.on("data", (chunk: Buffer) => this.#received(chunk));
    trunk.on("error", (cause) =>
      this.close(new Fault("unavailable", "the connection was broken", { cause })),
    );
    trunk.on("end", () =>
      this.close(new Fault("unavailable", "the connection was closed by the other side")),
    );
    trunk.on("close", () => this.close(new Fault("unavailable", "the connection was closed")));
  }

  /** Settles when the connection is lost or closed, with why. */
  get closed(): Promise<Fault> {
    return this.#closed.promise;
  }

  /** The connection of that number. To be called before anything is read, once for each. What comes for others is dropped. */
  open(id: number): Duplex {
    const channel = new Channel({
      send: (chunk, done) => this.#send(id, chunk, done),
      wanted: () => this.#wanted(channel),
    });
    channel.once("end", () => channel.destroy());
    this.#channels.set(id, channel);
    return channel;
  }

  /** What was written before goes out first. */
  close(reason: Fault): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#trunk.end();
    this.#trunk.resume();
    for (const channel of this.#channels.values()) channel.push(null);
    this.#closed.resolve(reason);
  }

  #received(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#reason === undefined) {
      if (this.#coming === undefined) rest = this.#readHeader(rest);
      else rest = this.#readPayload(rest, this.#coming);
    }
  }

  #readHeader(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, headerLength - this.#header.length);
    this.#header = Buffer.concat([this.#header, taken]);
    if (this.#header.length < headerLength) return Buffer.alloc(0);
    const [id, length] = [this.#header.readUInt32BE(0), this.#header.readUInt32BE(4)];
    this.#header = Buffer.alloc(0);
    if (length > maxPayload) {
      this.close(new Fault("corrupt", `a piece of ${length} bytes was announced, of ${maxPayload} at most`));
      this.#trunk.destroy();
    } else if (length > 0) {
      this.#coming = { channel: this.#channels.get(id), left: length };
    }
    return bytes.subarray(taken.length);
  }

  #readPayload(bytes: Buffer, coming: { readonly channel: Channel | undefined; left: Bytes }): Buffer {
    const payload = bytes.subarray(0, coming.left);
    coming.left -= payload.length;
    if (coming.left === 0) this.#coming = undefined;
    const { channel } = coming;
    if (channel !== undefined && !channel.push(payload)) {
      this.#full.add(channel);
      this.#trunk.pause();
    }
    return bytes.subarray(payload.length);
  }

  #wanted(channel: Channel): void {
    if (this.#full.delete(channel) && this.#full.size === 0) this.#trunk.resume();
  }

  /** Cut as upstream's side can read it: its buffers hold no more. */
  #send(id: number, chunk: Buffer, done: (error?: Error) => void): void {
    if (this.#reason !== undefined) {
      done(this.#reason);
      return;
    }
    for (const piece of [chunk.subarray(0, firstPayload), chunk.subarray(firstPayload)]) {
      if (piece.length === 0) continue;
      const header = Buffer.alloc(headerLength);
      header.writeUInt32BE(id, 0);
      header.writeUInt32BE(piece.length, 4);
      this.#trunk.write(header);
      this.#trunk.write(piece);
    }
    if (this.#trunk.writableNeedDrain) this.#trunk.once("drain", () => done());
    else done();
  }
}

interface ChannelEvents {
  /** A whole message of ttrpc's, as each is written at once. */
  send(chunk: Buffer, done: (error?: Error) => void): void;
  wanted(): void;
}

/** One connection of several. Whether the process stays for it is the carrying connection's matter. */
class Channel extends Duplex {
  readonly #events: ChannelEvents;

  constructor(events: ChannelEvents) {
    super();
    this.#events = events;
  }

  override _read(): void {
    this.#events.wanted();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#events.send(chunk, done);
  }
}
