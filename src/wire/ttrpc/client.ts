import { connect } from "node:net";
import { waitFor } from "../../base/deadline.ts";
import { during, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { Request, Response } from "../gen/ttrpc.ts";
import { faultOfConnection } from "../grpc/fault-of-answer.ts";
import { decoded, encoded, type MethodDefinition, type ServiceDefinition } from "../grpc/method.ts";
import { type ByteStream, FrameSocket } from "./frame-socket.ts";
import { type Frame, frameFlags, frameTypes } from "./frames.ts";
import { MessageQueue } from "./message-queue.ts";
import type { TtrpcCallOptions, TtrpcCalls } from "./method.ts";
import { faultOf } from "./status.ts";

// biome-ignore lint/suspicious/noExplicitAny: the messages differ from method to method
type AnyMethod = MethodDefinition<any, any>;

/** What an open call learns. `ended` comes once, last. */
interface OpenCall {
  readonly streams: boolean;
  message(bytes: Buffer): void;
  ended(failure?: Fault): void;
}

/** Messages of streams that nobody read yet: with more, the server waits, on all calls of the connection. */
const maxUnread: Bytes = 4 << 20;

/** ttrpc can't number more calls than these in one connection. */
const lastStream = 0xffff_ffff;

/**
 * A ttrpc connection from the side that calls. It keeps the process alive for as long as a call is open. Once it is lost it stays so, and each open call fails with that: who wants to
 * go on makes another one. What a caller gives up is forgotten here; the protocol has no word to tell the server so, other
 * than the time-out that goes with a call.
 */
export class TtrpcClient implements Disposable {
  readonly #connection: FrameSocket;
  readonly #open = new Map<number, OpenCall>();
  readonly #closed = Promise.withResolvers<Fault>();
  #next = 1;
  #unread: Bytes = 0;
  #isSilent = false;
  /** Open calls that the process stays for. */
  #needed = 0;

  /** @param stream connected */
  constructor(stream: ByteStream) {
    this.#connection = new FrameSocket(stream, {
      frame: (frame) => this.#received(frame),
      closed: (reason) => this.#lost(reason),
    });
    this.#connection.ref(false);
  }

  /** @throws {Fault} unavailable when nobody answers at `socket`; forbidden; deadline or cancelled as `signal` says */
  static async connect(socket: string, signal: AbortSignal): Promise<TtrpcClient> {
    const connecting = connect(socket);
    const connected = new Promise<void>((resolve, reject) => {
      connecting.once("connect", resolve).once("error", reject);
    });
    try {
      await waitFor(connected, signal, `connecting to ${socket}`);
    } catch (error) {
      connecting.destroy();
      throw faultOfConnection(error instanceof Fault ? error : during("connecting", error), socket);
    }
    return new TtrpcClient(connecting);
  }

  /** Settles when the connection is lost, with why. */
  get closed(): Promise<Fault> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed;
  }

  /** True once a call had its time, and nothing has come from the other side since: it lives, perhaps, and does not answer. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** The calls of one service. @param name how the server has it; as the service itself when not said */
  calls<Service extends ServiceDefinition>(service: Service, name?: string): TtrpcCalls<Service> {
    return Object.fromEntries(
      Object.entries(service).map(([key, method]) => [key, this.#call(method, name)]),
    ) as TtrpcCalls<Service>;
  }

  [Symbol.dispose](): void {
    this.#connection.close(new Fault("cancelled", "the connection was closed"));
  }

  #call(method: AnyMethod, name: string | undefined): unknown {
    const [, serviceName = "", methodName = ""] = method.path.split("/");
    const service = name ?? serviceName;
    const asked = (payload: Uint8Array, { timeout, metadata = {} }: TtrpcCallOptions) =>
      Buffer.from(
        Request.encode({
          service,
          method: methodName,
          payload,
          timeoutNano: BigInt(Math.ceil((timeout ?? 0) * 1e6)),
          metadata: Object.entries(metadata).flatMap(([key, values]) =>
            values.map((value) => ({ key, value })),
          ),
        }).finish(),
      );
    if (!method.requestStream && !method.responseStream) {
      return (request: object, options: TtrpcCallOptions = {}) =>
        this.#unary(method, asked(encoded(method, request), options), options);
    }
    return (request: object, options: TtrpcCallOptions = {}) => {
      const payload = method.requestStream ? new Uint8Array() : encoded(method, request);
      const sent = method.requestStream ? (request as AsyncIterable<object>) : undefined;
      const answers = this.#stream(method, { data: asked(payload, options), sent }, options);
      return method.responseStream ? answers : only(answers, method.path);
    };
  }

  async #unary(method: AnyMethod, data: Buffer, options: TtrpcCallOptions): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    let answer: Buffer = Buffer.alloc(0);
    this.#start({ data, flags: 0, name: nameOf(method) }, options, {
      streams: false,
      message: (bytes) => {
        answer = bytes;
      },
      ended: (failure) => (failure === undefined ? resolve(answer) : reject(failure)),
    });
    return decoded(method, await promise);
  }

  async *#stream(
    method: AnyMethod,
    { data, sent }: { data: Buffer; sent: AsyncIterable<object> | undefined },
    options: TtrpcCallOptions,
  ): AsyncGenerator<unknown> {
    const queue = new MessageQueue((by) => {
      this.#unread += by;
      this.#connection.holdBack(this.#unread > maxUnread);
    });
    const flags = sent === undefined ? frameFlags.remoteClosed : frameFlags.remoteOpen;
    const call = this.#start({ data, flags, name: nameOf(method) }, options, {
      streams: true,
      message: (bytes) => queue.push(bytes),
      ended: (failure) => queue.end(failure),
    });
    if (sent !== undefined) void this.#send(method, call.stream, sent).catch(call.fail);
    try {
      for await (const bytes of queue.read()) yield decoded(method, bytes);
    } finally {
      call.fail(new Fault("cancelled", "the call was given up"));
    }
  }

  /** Sends the caller's messages, no faster than the server takes them. */
  async #send(method: AnyMethod, stream: number, messages: AsyncIterable<object>): Promise<void> {
    for await (const message of messages) {
      if (!this.#open.has(stream)) return;
      const data = Buffer.from(encoded(method, message));
      this.#connection.send({ stream, type: frameTypes.data, flags: 0, data });
      await this.#connection.drained();
    }
    if (!this.#open.has(stream)) return;
    const flags = frameFlags.remoteClosed | frameFlags.noData;
    this.#connection.send({ stream, type: frameTypes.data, flags, data: undefined });
  }

  /** Sends a request. `fail` ends the call from this side, unless it has ended. */
  #start(
    { data, flags, name }: { data: Buffer; flags: number; name: string },
    { timeout, signal, isBackground = false }: TtrpcCallOptions,
    events: OpenCall,
  ): { stream: number; fail: (failure: unknown) => void } {
    const stream = this.#next;
    this.#next += 2;
    if (stream > lastStream) throw new Fault("exhausted", "the connection has no number left for a call");
    const fail = (failure: unknown) =>
      this.#open.get(stream)?.ended(failure instanceof Fault ? failure : during("sending", failure));
    const onAbort = () => fail(endedBy(signal, name));
    const onTime = () => {
      this.#isSilent = true;
      fail(new Fault("deadline", `${name}: there was no answer within ${timeout} ms`));
    };
    const timer = timeout === undefined ? undefined : setTimeout(onTime, timeout);
    if (!isBackground) this.#need(1);
    this.#open.set(stream, {
      ...events,
      ended: (failure) => {
        this.#open.delete(stream);
        if (!isBackground) this.#need(-1);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        events.ended(failure);
      },
    });
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    else {
      try {
        this.#connection.send({ stream, type: frameTypes.request, flags, data });
      } catch (error) {
        fail(error);
      }
    }
    return { stream, fail };
  }

  #need(change: number): void {
    this.#needed += change;
    this.#connection.ref(this.#needed > 0);
  }

  /** @throws {Fault} corrupt for what no server of this client can say */
  #received({ stream, type, flags, data }: Frame): void {
    this.#isSilent = false;
    if (stream % 2 === 0 || stream >= this.#next) {
      throw new Fault("corrupt", `the other side answers call ${stream}, which was never made`);
    }
    const call = this.#open.get(stream);
    if (call === undefined) return; // given up meanwhile
    if (data === undefined) {
      call.ended(new Fault("exhausted", "the answer is longer than ttrpc allows"));
    } else if (type === frameTypes.response) {
      answered(call, data);
    } else if (type !== frameTypes.data) {
      call.ended(new Fault("internal", `the answer is a message of the unknown type ${type}`));
    } else if (!call.streams) {
      call.ended(new Fault("internal", "the answer is a stream, of a call that has none"));
    } else {
      if ((flags & frameFlags.noData) === 0) call.message(data);
      if ((flags & frameFlags.remoteClosed) !== 0) call.ended();
    }
  }

  #lost(reason: Fault): void {
    for (const call of [...this.#open.values()]) call.ended(reason);
    this.#closed.resolve(reason);
  }
}

function answered(call: OpenCall, data: Buffer): void {
  const response = decodedResponse(data);
  const failure = response instanceof Fault ? response : faultOf(response.status);
  // a stream may end with a message of its own
  if (
    !(response instanceof Fault) &&
    failure === undefined &&
    (!call.streams || response.payload.length > 0)
  ) {
    call.message(Buffer.from(response.payload));
  }
  call.ended(failure);
}

function decodedResponse(data: Buffer): Response | Fault {
  try {
    return Response.decode(data);
  } catch (error) {
    return new Fault("corrupt", "the answer can't be read", { cause: error });
  }
}

/** The one answer to many messages. */
async function only(answers: AsyncGenerator<unknown>, path: string): Promise<unknown> {
  for await (const answer of answers) return answer;
  throw new Fault("internal", `the answer to ${path} holds no message`);
}

/** Of a call, for messages: `Task/Kill`. */
function nameOf({ path }: AnyMethod): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

function endedBy(signal: AbortSignal | undefined, name: string): Fault {
  const isLate = signal?.reason instanceof Error && signal.reason.name === "TimeoutError";
  return isLate
    ? new Fault("deadline", `${name}: there was no answer in time`)
    : new Fault("cancelled", `${name}: the call was cancelled`);
}
