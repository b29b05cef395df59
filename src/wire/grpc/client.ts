import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { Http2Session } from "../http2/session.ts";
import { type Call, type CallEvents, type CallRequest, startCall } from "./call.ts";
import {
  type CallOptions,
  type Calls,
  decoded,
  encoded,
  type MethodDefinition,
  type ServiceDefinition,
} from "./method.ts";

/** A connection to a daemon, over which several services are called. */
export interface Connection {
  readonly endpoint: string;
  /** The calls of one service. */
  calls<Service extends ServiceDefinition>(service: Service): Calls<Service>;
  close(): void;
}

/** What holds for all calls of a connection. */
export interface ConnectionOptions {
  /** Of an answer; 64 MiB when not said. */
  readonly maxMessage?: Bytes;
  /** Sent with each call; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const defaultMaxMessage: Bytes = 64 << 20;

/**
 * Connects to a unix socket, by path or `unix://` address. Nothing is sent before the first call; a daemon that is
 * not there shows then. A connection that was lost is made anew for the next call.
 *
 * @throws {Fault} invalid for an address of another kind
 */
export function connect(endpoint: string, options: ConnectionOptions = {}): Connection {
  const channel = new Channel(socketOf(endpoint), options);
  return {
    endpoint: `unix://${channel.socket}`,
    calls: <Service extends ServiceDefinition>(service: Service) =>
      Object.fromEntries(
        Object.entries(service).map(([name, method]) => [
          name,
          method.responseStream ? streamCall(channel, method) : unaryCall(channel, method),
        ]),
      ) as Calls<Service>,
    close: () => channel.close(),
  };
}

function socketOf(endpoint: string): string {
  const path = endpoint.replace(/^unix:(?:\/\/)?/, "");
  if (path.startsWith("/")) return path;
  throw new Fault("invalid", `cannot connect to "${endpoint}"`, {
    hint: "give an absolute path or a unix:// address",
  });
}

/** The way to one socket: a session, and those before it that still have calls to end. */
class Channel {
  readonly socket: string;
  readonly #common: Pick<CallRequest, "maxMessage" | "metadata">;
  #sessions: Http2Session[] = [];
  #isClosed = false;

  constructor(socket: string, { maxMessage = defaultMaxMessage, metadata = {} }: ConnectionOptions) {
    this.socket = socket;
    this.#common = { maxMessage, metadata: Object.entries(metadata) };
  }

  start(path: string, message: Uint8Array, options: CallOptions, events: CallEvents): Call {
    return startCall(this.#session(), { path, message, ...this.#common }, options, events);
  }

  close(): void {
    this.#isClosed = true;
    for (const session of this.#sessions) session.close();
  }

  #session(): Http2Session {
    if (this.#isClosed) throw new Fault("cancelled", `the connection to ${this.socket} was closed`);
    this.#sessions = this.#sessions.filter((session) => !session.hasEnded);
    const open = this.#sessions.find((session) => session.isOpen);
    if (open !== undefined) return open;
    const session = new Http2Session(this.socket);
    this.#sessions.push(session);
    return session;
  }
}

function unaryCall<Request, Response>(
  channel: Channel,
  method: MethodDefinition<Request, Response>,
): (request: Partial<Request>, options?: CallOptions) => Promise<Response> {
  return async (request, options = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    let answer: Buffer | undefined;
    const call = channel.start(method.path, encoded(method, request), options, {
      message: (bytes) => {
        answer = bytes;
        call.ready();
      },
      ended: (failure) => {
        if (failure !== undefined) reject(failure);
        else if (answer === undefined) reject(new Fault("internal", "the answer holds no message"));
        else resolve(answer);
      },
    });
    return decoded(method, await promise);
  };
}

function streamCall<Request, Response>(
  channel: Channel,
  method: MethodDefinition<Request, Response>,
): (request: Partial<Request>, options?: CallOptions) => AsyncIterable<Response> {
  return async function* (request, options = {}) {
    const messages: Buffer[] = [];
    let end: { readonly failure: Fault | undefined } | undefined;
    let wake = () => {};
    const call = channel.start(method.path, encoded(method, request), options, {
      message: (bytes) => {
        messages.push(bytes);
        wake();
      },
      ended: (failure) => {
        end = { failure };
        wake();
      },
    });
    try {
      for (;;) {
        const next = messages.shift();
        if (next !== undefined) {
          if (messages.length === 0) call.ready();
          yield decoded(method, next);
        } else if (end !== undefined) {
          if (end.failure !== undefined) throw end.failure;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      call.cancel();
    }
  };
}
