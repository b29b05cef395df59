import type { Server } from "node:net";
import { deadlineIn } from "../../base/deadline.ts";
import { during, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { Request, Response } from "../gen/ttrpc.ts";
import type { MethodDefinition, ServiceDefinition } from "../grpc/method.ts";
import { type ByteStream, FrameSocket } from "./frame-socket.ts";
import { type Frame, frameFlags, frameTypes } from "./frames.ts";
import { MessageQueue } from "./message-queue.ts";
import type { IncomingCall, Metadata, TtrpcHandlers } from "./method.ts";
import { statusOf } from "./status.ts";

/** Calls that one connection may have open; with more, it is read on when one has been answered. */
const maxOpen = 128;
/** Messages of its streams that no handler read yet: with more, it is read on when that is less. */
const maxUnread: Bytes = 4 << 20;

// biome-ignore lint/suspicious/noExplicitAny: the messages differ from method to method
type AnyMethod = MethodDefinition<any, any>;

interface Served {
  readonly method: AnyMethod;
  readonly handle: (request: unknown, call: IncomingCall) => Promise<object> | AsyncIterable<object>;
}

/** What is called, as "<service>/<method>". */
export type TtrpcServices = ReadonlyMap<string, Served>;

/** A service with a handler for each of its methods, to be served. */
export function ttrpcService<Service extends ServiceDefinition>(
  service: Service,
  handlers: TtrpcHandlers<Service>,
): TtrpcServices {
  return new Map(
    Object.entries(service).map(([name, method]) => [
      method.path.slice(1),
      { method, handle: handlers[name] as Served["handle"] },
    ]),
  );
}

/** Answers calls on every connection to `server`; those are closed when `signal` aborts. */
export function serveTtrpc(server: Server, services: TtrpcServices, signal: AbortSignal): void {
  server.on("connection", (socket) => serveTtrpcOn(socket, services, signal));
}

/** Answers calls on one connection, which is closed when `signal` aborts. */
export function serveTtrpcOn(stream: ByteStream, services: TtrpcServices, signal: AbortSignal): void {
  const connection = new ServedConnection(stream, services);
  const onAbort = () => connection.close();
  signal.addEventListener("abort", onAbort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", onAbort));
  if (signal.aborted) onAbort();
}

/** A connection from the side that is called. */
class ServedConnection {
  readonly #socket: FrameSocket;
  readonly #services: TtrpcServices;
  readonly #closing = new AbortController();
  /** The open calls, by stream, with what comes in for them. */
  readonly #open = new Map<number, MessageQueue>();
  #last = 0;
  #unread: Bytes = 0;

  constructor(stream: ByteStream, services: TtrpcServices) {
    this.#services = services;
    this.#socket = new FrameSocket(stream, {
      frame: (frame) => this.#received(frame),
      closed: (reason) => this.#closing.abort(reason),
    });
  }

  close(): void {
    this.#socket.close(new Fault("unavailable", "the server is stopping"));
  }

  /** A caller that breaks the protocol is told so on the stream that it names. */
  #received({ stream, type, flags, data }: Frame): void {
    try {
      if (stream % 2 === 0) throw new Fault("invalid", "the streams of a client have odd numbers");
      if (type === frameTypes.request) this.#begin(stream, flags, data);
      else if (type === frameTypes.data) this.#continue(stream, flags, data);
      // other types may mean something one day
    } catch (error) {
      this.#open.get(stream)?.end(new Fault("cancelled", "the caller broke the protocol"));
      this.#open.delete(stream);
      this.#respond(stream, { status: statusOf(error), payload: new Uint8Array() });
    }
  }

  #begin(stream: number, flags: number, data: Buffer | undefined): void {
    if (stream <= this.#last) throw new Fault("invalid", `stream ${stream} was used before`);
    this.#last = stream;
    if (data === undefined) throw new Fault("exhausted", "the request is longer than ttrpc allows");
    const request = decodedRequest(data);
    const name = `${request.service}/${request.method}`;
    const served = this.#services.get(name);
    if (served === undefined) throw new Fault("unimplemented", `there is no ${name}`);
    const messages = new MessageQueue((by) => {
      this.#unread += by;
      this.#balance();
    });
    if (!served.method.requestStream) messages.push(Buffer.from(request.payload));
    if (!served.method.requestStream || (flags & frameFlags.remoteOpen) === 0) messages.end();
    this.#open.set(stream, messages);
    this.#balance();
    void this.#serve(stream, served, { request, messages });
  }

  #continue(stream: number, flags: number, data: Buffer | undefined): void {
    const messages = this.#open.get(stream);
    if (messages === undefined) throw new Fault("invalid", `stream ${stream} is not open`);
    if (data === undefined) throw new Fault("exhausted", "the message is longer than ttrpc allows");
    if ((flags & frameFlags.noData) === 0) messages.push(data);
    if ((flags & frameFlags.remoteClosed) !== 0) messages.end();
  }

  async #serve(
    stream: number,
    { method, handle }: Served,
    { request, messages }: { request: Request; messages: MessageQueue },
  ): Promise<void> {
    const limit = Number(request.timeoutNano) / 1e6;
    using deadline = limit > 0 ? deadlineIn(limit, this.#closing.signal) : undefined;
    const signal = deadline?.signal ?? this.#closing.signal;
    const onAbort = () => this.#answer(stream, { status: statusOf(signal.reason) });
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const call = { signal, metadata: metadataOf(request) };
      const asked = decodedMessages(method, messages);
      const message = method.requestStream ? asked : (await asked.next()).value;
      const answers = handle(message, call);
      if (method.responseStream) await this.#stream(stream, method, answers as AsyncIterable<object>);
      else this.#answer(stream, { payload: method.responseSerialize(await (answers as Promise<object>)) });
    } catch (error) {
      this.#answer(stream, { status: statusOf(error) });
    } finally {
      signal.removeEventListener("abort", onAbort);
      messages.drop();
      this.#balance();
    }
  }

  /** Sends answers no faster than the caller takes them. */
  async #stream(stream: number, method: AnyMethod, answers: AsyncIterable<object>): Promise<void> {
    for await (const answer of answers) {
      if (!this.#open.has(stream)) return;
      const data = Buffer.from(method.responseSerialize(answer));
      this.#socket.send({ stream, type: frameTypes.data, flags: 0, data });
      await this.#socket.drained();
    }
    if (!this.#open.delete(stream) || this.#socket.isClosed) return;
    const flags = frameFlags.remoteClosed | frameFlags.noData;
    this.#socket.send({ stream, type: frameTypes.data, flags, data: undefined });
  }

  /** The last word on a call, said once. */
  #answer(stream: number, answer: Partial<Response>): void {
    if (!this.#open.delete(stream)) return;
    this.#respond(stream, { status: undefined, payload: new Uint8Array(), ...answer });
  }

  #respond(stream: number, response: Response): void {
    if (this.#socket.isClosed) return;
    const frame = { stream, type: frameTypes.response, flags: 0 };
    try {
      this.#socket.send({ ...frame, data: Buffer.from(Response.encode(response).finish()) });
    } catch (error) {
      const status = statusOf(error); // too long
      this.#socket.send({
        ...frame,
        data: Buffer.from(Response.encode({ status, payload: new Uint8Array() }).finish()),
      });
    }
    this.#balance();
  }

  /** A caller that asks for more than is answered, or takes fewer answers than it asks for, has to wait. */
  #balance(): void {
    const isCongested = this.#socket.isCongested;
    this.#socket.holdBack(isCongested || this.#open.size > maxOpen || this.#unread > maxUnread);
    if (isCongested) void this.#socket.drained().then(() => this.#balance());
  }
}

/** @throws {Fault} invalid */
function decodedRequest(data: Buffer): Request {
  try {
    return Request.decode(data);
  } catch (error) {
    throw new Fault("invalid", "the request can't be read", { cause: error });
  }
}

async function* decodedMessages(method: AnyMethod, messages: MessageQueue): AsyncGenerator<unknown> {
  for await (const bytes of messages.read()) {
    try {
      yield method.requestDeserialize(bytes);
    } catch (error) {
      throw during(
        `reading a message to ${method.path}`,
        new Fault("invalid", "it is malformed", { cause: error }),
      );
    }
  }
}

function metadataOf({ metadata }: Request): Metadata {
  const found: Record<string, string[]> = {};
  for (const { key, value } of metadata) {
    const name = key.toLowerCase();
    if (!Object.hasOwn(found, name)) Object.defineProperty(found, name, { value: [], enumerable: true });
    found[name]?.push(value);
  }
  return found;
}
