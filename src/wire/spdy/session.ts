import { Duplex } from "node:stream";
import { describeFault, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { claim, letGo, share } from "../received.ts";
import {
  dataHead,
  type Frame,
  FrameReader,
  goAway,
  ping,
  reset,
  resetStatus,
  synReply,
  synStream,
} from "./frames.ts";
import { HeaderReader, HeaderWriter, type StreamHeaders } from "./header-block.ts";

/** What is taken; clients send at most 32 kB a frame. */
const mostFrame: Bytes = 1 << 20;
/** What is sent in one frame. */
const frameBytes: Bytes = 64 << 10;
/** What one stream may hold that its reader has not taken, before the whole connection is read no further. */
const mostUnread: Bytes = 256 << 10;

/** Which side of the connection this is: streams of a client have odd numbers. */
export type Side = "client" | "server";

/** What a session is told about, and its bounds. */
export interface SessionOptions {
  readonly side: Side;
  /** Streams beyond are refused. */
  readonly mostStreams: number;
  /** A stream that the other side opened: it is answered already. */
  readonly onStream: (stream: SpdyStream) => void;
}

/**
 * One connection of SPDY 3.1, as the Kubernetes clients speak it (moby/spdystream): streams in both directions, no
 * windows, so that one stream whose reader is slow holds up the connection. Ends when the socket ends, for whatever
 * reason; its streams are destroyed then.
 */
export class SpdySession {
  readonly #socket: Duplex;
  readonly #options: SessionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #frames = new FrameReader(mostFrame);
  readonly #headersIn = new HeaderReader();
  readonly #headersOut = new HeaderWriter();
  #nextStream: number;
  #lastFromPeer = 0;
  /** Frames that have come wait for one that takes its time. */
  #isBehind = false;
  #isOver = false;
  /** Resolves when the connection is over; never rejects. */
  readonly closed: Promise<void>;

  constructor(socket: Duplex, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#nextStream = options.side === "client" ? 1 : 2;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setMaxListeners(0); // one for each stream that waits for room
    socket.on("error", () => socket.destroy());
    // a reader that is behind must not keep this from being noticed
    socket.once("close", () => this.#endInOrder());
    socket.on("data", (data: Buffer) => {
      claim(data);
      this.#receive(data, this.#frames.read(data));
    });
    socket.once("end", () => {
      this.#endInOrder();
      socket.destroy();
    });
    socket.resume(); // whoever had it before may have paused it
  }

  /** Opens a stream to the other side. */
  open(headers: Readonly<Record<string, string>>): SpdyStream {
    const id = this.#nextStream;
    this.#nextStream += 2;
    const stream = this.#add(id, new Map(Object.entries(headers)));
    this.#socket.write(synStream(id, this.#headersOut.write(headers)));
    return stream;
  }

  /** Says goodbye and ends the connection once all that was written is sent. */
  close(): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.end(goAway(this.#lastFromPeer));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Acts on the frames in `data` one after the other, and reads no further while one has to wait. */
  #receive(data: Buffer, frames: Iterator<Frame>): void {
    try {
      for (let next = frames.next(); next.done !== true; next = frames.next()) {
        const done = this.#act(next.value);
        if (done === undefined) continue;
        this.#isBehind = true;
        this.#socket.pause();
        done.then(
          () => this.#receive(data, frames),
          (error) => this.#finish(error),
        );
        return;
      }
      letGo(data);
      this.#isBehind = false;
      if (this.#isOver) this.#end(undefined);
      else this.#socket.resume();
    } catch (error) {
      this.#finish(error);
    }
  }

  #finish(why: unknown): void {
    this.#end(why instanceof Error ? why : new Error(describeFault(why)));
    this.#socket.destroy();
  }

  /**
   * The socket tells its end though it is paused. What came before is still to be read: a server ends the connection when all
   * is said. Of a client that is gone nothing matters any more.
   */
  #endInOrder(): void {
    this.#isOver = true;
    if (this.#options.side === "server" || !this.#isBehind) this.#end(undefined);
  }

  #end(why: Error | undefined): void {
    this.#headersIn[Symbol.dispose]();
    for (const stream of this.#streams.values()) {
      // a server may end the connection when all is said, without ending each stream: what came is still to be read
      if (why === undefined && this.#options.side === "client") void stream.deliver(null);
      else if (why === undefined && stream.readableEnded) stream.destroy();
      else stream.destroy(why ?? new Fault("cancelled", "the connection was closed"));
    }
    this.#streams.clear();
  }

  /** Undefined when it is done at once. */
  #act(frame: Frame): Promise<void> | undefined {
    switch (frame.kind) {
      case "synStream":
        return this.#headersIn
          .read(frame.block)
          .then((headers) => this.#accept(frame.stream, frame.last, headers));
      case "synReply":
      case "headers":
        // nothing in them, but the compression goes on from it
        return this.#headersIn.read(frame.block).then(() => {
          if (frame.last) this.#streams.get(frame.stream)?.deliver(null);
        });
      case "data":
        return this.#deliver(frame);
      case "reset":
        this.#streams.get(frame.stream)?.destroy(); // kubectl does so with what it needs no more
        return undefined;
      case "ping":
        // those with our own parity would be answers, and none were asked for
        if ((frame.id % 2 === 1) === (this.#options.side === "server")) this.#socket.write(ping(frame.id));
        return undefined;
      case "goAway":
      case "ignored":
        return undefined;
    }
  }

  #accept(id: number, last: boolean, headers: StreamHeaders): void {
    const fromClient = id % 2 === 1;
    if (fromClient !== (this.#options.side === "server") || id <= this.#lastFromPeer) {
      throw new Fault("invalid", `stream ${id} can't be opened by the other side`);
    }
    this.#lastFromPeer = id;
    if (this.#streams.size >= this.#options.mostStreams) {
      this.#socket.write(reset(id, resetStatus.refusedStream));
      return;
    }
    const stream = this.#add(id, headers);
    this.#socket.write(synReply(id, this.#headersOut.write({})));
    if (last) stream.deliver(null);
    this.#options.onStream(stream);
  }

  #deliver({ stream: id, data, last }: Extract<Frame, { kind: "data" }>): Promise<void> | undefined {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.destroyed) return undefined; // it was closed here while this was on its way
    const taken = data.length > 0 ? stream.deliver(ownPiece(data)) : undefined;
    if (last) stream.deliver(null);
    return taken;
  }

  #add(id: number, headers: StreamHeaders): SpdyStream {
    const stream = new SpdyStream(id, headers, this.#socket);
    this.#streams.set(id, stream);
    stream.once("close", () => this.#streams.delete(id));
    return stream;
  }
}

/** Data that waits must not keep much more than itself in memory: what it was received in. */
function ownPiece(data: Buffer): Buffer {
  if (data.length * 4 < data.buffer.byteLength) return Buffer.from(data);
  share(data);
  return data;
}

/** One stream: both directions end by themselves. Destroying it early resets it. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: StreamHeaders;
  readonly #socket: Duplex;
  #resume: (() => void) | undefined;

  constructor(id: number, headers: StreamHeaders, socket: Duplex) {
    super({ allowHalfOpen: true, readableHighWaterMark: mostUnread });
    this.id = id;
    this.headers = headers;
    this.#socket = socket;
    this.on("error", () => undefined); // its end is what its users look at
  }

  /** Hands over what came; null: no more comes. Resolves when more may come. */
  deliver(data: Buffer | null): Promise<void> | undefined {
    if (this.destroyed || this.readableEnded || this.push(data) || data === null) return undefined;
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.cork();
    let hasRoom = true;
    for (let at = 0; at < data.length; at += frameBytes) {
      const piece = data.subarray(at, at + frameBytes);
      this.#socket.write(dataHead(this.id, false, piece.length));
      const isLast = at + frameBytes >= data.length;
      hasRoom = this.#socket.write(piece, isLast ? () => letGo(data) : undefined);
    }
    this.#socket.uncork();
    this.#whenDrained(hasRoom, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) done();
    else this.#socket.write(dataHead(this.id, true, 0), () => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#resume?.();
    if (!this.#socket.destroyed && !(this.readableEnded && this.writableFinished)) {
      this.#socket.write(reset(this.id, resetStatus.cancel));
    }
    done(error);
  }

  /** One slow connection must not fill memory: the next piece is taken when the socket has room. */
  #whenDrained(room: boolean, done: (error?: Error | null) => void): void {
    if (room) {
      done();
      return;
    }
    const settle = () => {
      this.#socket.off("drain", settle);
      this.#socket.off("close", settle);
      done(this.#socket.destroyed ? new Fault("cancelled", "the connection was closed") : null);
    };
    this.#socket.on("drain", settle);
    this.#socket.on("close", settle);
  }
}
