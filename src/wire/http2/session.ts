import { connect, type Socket } from "node:net";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import {
  decodeNumber,
  decodeSettings,
  encodeFrame,
  encodeNumber,
  encodeSettings,
  errorCodes,
  type Frame,
  FrameReader,
  frameFlags,
  frameTypes,
  largestFrame,
  settingIds,
  unpadded,
} from "./frames.ts";
import { HeaderBlocks } from "./header-blocks.ts";
import { encodeHeaders, type HeaderField } from "./hpack.ts";

/** What a request learns of its response. `ended` comes once, last. */
export interface ResponseEvents {
  headers(fields: readonly HeaderField[]): void;
  data(chunk: Buffer): void;
  /** With nothing: the response is whole. */
  ended(reason?: Fault | { readonly resetWith: number }): void;
}

/** A request that was sent. */
export interface Request {
  /** Bytes of its data have been used: the peer may send as many more. */
  used(bytes: Bytes): void;
  /** Ends it without another event. */
  cancel(): void;
}

/** A request on its way. */
interface Stream {
  readonly events: ResponseEvents;
  /** How much the peer takes before it says that it takes more. */
  sendWindow: Bytes;
  /** What was used of the response and the peer was not told of. */
  used: Bytes;
  /** What is still to be sent. */
  body: Buffer;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const usualWindow: Bytes = 65_535;
const largestWindow: Bytes = 2 ** 31 - 1;
/** How much of one response may lie here unread. */
const streamWindow: Bytes = 4 << 20;
/** The connection itself holds nobody back: its window is opened again when half of it is used. */
const connectionWindow: Bytes = 1 << 30;

/**
 * A client's side of HTTP/2 (RFC 9113) over a unix socket, without TLS, for requests whose body is known when they begin.
 * Loading node:http2 takes 19 ms, as it brings TLS with it; this takes 2, which the command's start needs.
 */
export class Http2Session {
  /** The socket it was connected to. */
  readonly path: string;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #headers = new HeaderBlocks();
  readonly #streams = new Map<number, Stream>();
  /** Requests that the peer has no room for yet. */
  #waiting: { begin(): void; refuse(reason: Fault | { readonly resetWith: number }): void }[] = [];
  #nextStream = 1;
  #maxStreams = Number.POSITIVE_INFINITY;
  #sendWindow: Bytes = usualWindow;
  #initialWindow: Bytes = usualWindow;
  #received: Bytes = 0;
  #greeted = false;
  #failure: Fault | undefined;
  #leaving = false;

  constructor(path: string) {
    const hello = [
      preface,
      encodeSettings([
        [settingIds.enablePush, 0],
        [settingIds.initialWindow, streamWindow],
      ]),
      encodeNumber(frameTypes.windowUpdate, 0, connectionWindow - usualWindow),
    ];
    this.path = path;
    this.#socket = connect(path);
    this.#socket.unref();
    this.#socket.write(Buffer.concat(hello));
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#socket.on("error", (error) =>
      this.#fail(new Fault("unavailable", "the connection", { cause: error })),
    );
    this.#socket.on("close", () => this.#fail(new Fault("unavailable", "the connection was closed")));
  }

  /** True while requests can be made. */
  get isOpen(): boolean {
    return this.#failure === undefined && !this.#leaving;
  }

  /** True when nothing more will come of it. */
  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** Sends a request. While `isOpen` only. */
  request(fields: readonly HeaderField[], body: Buffer, events: ResponseEvents): Request {
    let id: number | undefined;
    const entry = {
      begin: () => {
        id = this.#open(fields, { events, sendWindow: this.#initialWindow, used: 0, body });
      },
      refuse: events.ended,
    };
    this.#socket.ref();
    if (this.#streams.size < this.#maxStreams) entry.begin();
    else this.#waiting.push(entry);
    return {
      used: (bytes) => {
        if (id !== undefined) this.#used(id, bytes);
      },
      cancel: () => {
        this.#waiting = this.#waiting.filter((at) => at !== entry);
        if (id !== undefined && this.#streams.has(id)) {
          this.#write(encodeNumber(frameTypes.reset, id, errorCodes.cancel));
          this.#streams.delete(id);
        }
        this.#goOn();
      },
    };
  }

  /** Ends the connection; requests on their way fail. */
  close(): void {
    this.#fail(new Fault("cancelled", "the connection was closed here"));
  }

  #open(fields: readonly HeaderField[], stream: Stream): number {
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#streams.set(id, stream);
    // One write for all: the peer need not be woken twice.
    this.#socket.cork();
    const flags = frameFlags.endHeaders | (stream.body.length === 0 ? frameFlags.endStream : 0);
    this.#write(encodeFrame(frameTypes.headers, flags, id, encodeHeaders(fields)));
    this.#sendBody(id, stream);
    this.#socket.uncork();
    return id;
  }

  /** Sends as much of the body as the peer takes. */
  #sendBody(id: number, stream: Stream): void {
    while (stream.body.length > 0) {
      const size = Math.min(stream.body.length, stream.sendWindow, this.#sendWindow, largestFrame);
      if (size <= 0) return;
      const isLast = size === stream.body.length;
      this.#write(
        encodeFrame(frameTypes.data, isLast ? frameFlags.endStream : 0, id, stream.body.subarray(0, size)),
      );
      stream.body = stream.body.subarray(size);
      stream.sendWindow -= size;
      this.#sendWindow -= size;
    }
  }

  #take(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) {
        if (!this.#greeted && frame.type !== frameTypes.settings) {
          throw new Fault("corrupt", "what answers there does not speak HTTP/2");
        }
        this.#greeted = true;
        this.#handle(frame);
        if (this.#failure !== undefined) return;
      }
    } catch (error) {
      const why = this.#greeted
        ? "the other side broke HTTP/2's rules"
        : "what answers there does not speak gRPC";
      this.#fail(new Fault("unavailable", why, { cause: error }));
    }
  }

  #handle(frame: Frame): void {
    const block = this.#headers.push(frame);
    if (block !== undefined) {
      this.#streams.get(frame.stream)?.events.headers(block.fields);
      if (block.endStream) this.#end(frame.stream);
    } else if (frame.type === frameTypes.data) this.#handleData(frame);
    else if (frame.type === frameTypes.reset) {
      this.#end(frame.stream, { resetWith: decodeNumber(frame) });
    } else if (frame.type === frameTypes.settings) this.#handleSettings(frame);
    else if (frame.type === frameTypes.ping && (frame.flags & frameFlags.ack) === 0) {
      this.#write(encodeFrame(frameTypes.ping, frameFlags.ack, 0, frame.payload));
    } else if (frame.type === frameTypes.goAway) this.#handleGoAway(frame);
    else if (frame.type === frameTypes.windowUpdate) {
      this.#widen(frame.stream, decodeNumber(frame) & largestWindow);
    } else if (frame.type === frameTypes.pushPromise) throw new Fault("corrupt", "pushes were refused");
  }

  #handleData(frame: Frame): void {
    this.#received += frame.payload.length;
    if (this.#received >= connectionWindow / 2) {
      this.#write(encodeNumber(frameTypes.windowUpdate, 0, this.#received));
      this.#received = 0;
    }
    const data = unpadded(frame);
    const stream = this.#streams.get(frame.stream);
    if (stream === undefined) return; // cancelled meanwhile
    this.#used(frame.stream, frame.payload.length - data.length);
    if (data.length > 0) stream.events.data(data);
    if ((frame.flags & frameFlags.endStream) !== 0) this.#end(frame.stream);
  }

  /** Opens the window of a stream again when half of it is used. */
  #used(id: number, bytes: Bytes): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.used += bytes;
    if (stream.used < streamWindow / 2) return;
    this.#write(encodeNumber(frameTypes.windowUpdate, id, stream.used));
    stream.used = 0;
  }

  #handleSettings({ flags, payload }: Frame): void {
    if ((flags & frameFlags.ack) !== 0) return;
    for (const [id, value] of decodeSettings(payload)) {
      if (id === settingIds.maxStreams) this.#maxStreams = value;
      if (id === settingIds.initialWindow) {
        for (const stream of this.#streams.values()) stream.sendWindow += value - this.#initialWindow;
        this.#initialWindow = value;
      }
    }
    this.#write(encodeFrame(frameTypes.settings, frameFlags.ack, 0, Buffer.alloc(0)));
    this.#goOn();
  }

  #handleGoAway({ payload }: Frame): void {
    if (payload.length < 8) throw new Fault("corrupt", "a frame is cut short");
    const lastStream = payload.readUInt32BE() & largestWindow;
    const refused = { resetWith: errorCodes.refusedStream };
    this.#leaving = true;
    for (const { refuse } of this.#waiting.splice(0)) refuse(refused);
    for (const id of [...this.#streams.keys()].filter((id) => id > lastStream)) this.#end(id, refused);
    this.#goOn();
  }

  #widen(id: number, bytes: Bytes): void {
    const stream = this.#streams.get(id);
    if (id === 0) this.#sendWindow += bytes;
    else if (stream !== undefined) stream.sendWindow += bytes;
    this.#goOn();
  }

  /** Sends what windows and limits have held back; rests when nothing is left. */
  #goOn(): void {
    for (const [id, stream] of this.#streams) this.#sendBody(id, stream);
    while (this.#streams.size < this.#maxStreams && this.#waiting.length > 0) this.#waiting.shift()?.begin();
    if (this.#streams.size > 0 || this.#waiting.length > 0) return;
    // A connection that nobody uses keeps no process alive.
    this.#socket.unref();
    if (this.#leaving) this.#socket.end();
  }

  #end(id: number, reason?: Fault | { readonly resetWith: number }): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    // An answer that came before the whole request was sent: the rest is not wanted.
    if (reason === undefined && stream.body.length > 0) {
      this.#write(encodeNumber(frameTypes.reset, id, errorCodes.none));
    }
    this.#streams.delete(id);
    stream.events.ended(reason);
    this.#goOn();
  }

  #fail(failure: Fault): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#socket.destroy();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const { events } of streams) events.ended(failure);
    for (const { refuse } of this.#waiting.splice(0)) refuse(failure);
  }

  #write(frame: Buffer): void {
    if (this.#failure === undefined) this.#socket.write(frame);
  }
}
