import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import { withinCall } from "../../base/current-call.ts";
import { Fault } from "../../base/fault.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import { Encoded } from "./encoded.ts";
import type { Handlers, MethodDefinition, ServiceDefinition, StreamHandler, UnaryHandler } from "./method.ts";

/** A call that is over. */
export interface EndedCall {
  /** As in `PullImage`. */
  readonly rpc: string;
  /** The message as decoded; undefined when it could not be. */
  readonly request: unknown;
  /** The answer; undefined for streams, and for calls that failed. */
  readonly response: unknown;
  readonly took: Ms;
  /** True when the caller no longer waits for the answer. */
  readonly abandoned: boolean;
}

/** What a failed call is answered with. */
interface CallStatus {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
}

/** Where calls leave the daemon: told of each one, and asked what to answer for those that failed. */
export interface CallEdge {
  succeeded(call: EndedCall): void;
  failed(call: EndedCall, error: unknown): CallStatus;
}

/** Messages travel percent-encoded in an HTTP/2 header block, which is limited. */
const longestMessage: Bytes = 8 << 10;

/** A caller counts its time from before the call arrived here, and leaves that much earlier than its deadline passes here. */
const callersLead: Ms = 100;

/** Stands for a request whose bytes are not what its type says. */
class Undecodable {
  readonly cause: unknown;
  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Adds `handlers` to `server`; `stopping` ends the streams. */
export function serve<Service extends ServiceDefinition>(
  server: Server,
  service: Service,
  handlers: Handlers<Service>,
  edge: CallEdge,
  stopping: AbortSignal,
): void {
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: Record<string, (call: never, callback: never) => void> = {};
  for (const [name, method] of Object.entries(service)) {
    definition[name] = {
      ...method,
      requestDeserialize: tolerant(method),
      // grpc-js asks of it what a buffer and an Encoded both have
      responseSerialize: (answer) =>
        answer instanceof Encoded ? (answer as unknown as Buffer) : method.responseSerialize(answer),
    };
    const rpc = method.path.slice(method.path.lastIndexOf("/") + 1);
    const handler = handlers[name as keyof Service];
    const answer = method.responseStream
      ? streamCall(rpc, handler as StreamHandler<unknown, unknown>, edge, stopping)
      : unaryCall(rpc, handler as UnaryHandler<unknown, unknown>, edge);
    implementation[name] = (call, callback) => withinCall(rpc, () => void answer(call, callback));
  }
  server.addService(definition, implementation as never);
}

/** Decodes a request without ever throwing: grpc-js would answer INTERNAL, and nobody would be told. */
function tolerant(method: MethodDefinition<unknown, unknown>): (bytes: Buffer) => unknown {
  return (bytes) => {
    try {
      return method.requestDeserialize(bytes);
    } catch (error) {
      return new Undecodable(error);
    }
  };
}

function decoded(rpc: string, request: unknown): unknown {
  if (!(request instanceof Undecodable)) return request;
  throw new Fault("invalid", `${rpc}: the request is not a valid protobuf message`, { cause: request.cause });
}

function unaryCall(rpc: string, handler: UnaryHandler<unknown, unknown>, edge: CallEdge) {
  return async (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
    const watch = watchCall(rpc, call);
    try {
      const response = await handler(decoded(rpc, call.request), watch.signal);
      edge.succeeded(watch.ended(response));
      callback(null, response);
    } catch (error) {
      callback(statusError(edge.failed(watch.ended(), error)));
    }
  };
}

function streamCall(
  rpc: string,
  handler: StreamHandler<unknown, unknown>,
  edge: CallEdge,
  stopping: AbortSignal,
) {
  return async (call: ServerWritableStream<unknown, unknown>) => {
    const watch = watchCall(rpc, call);
    const signal = AbortSignal.any([watch.signal, stopping]);
    try {
      for await (const message of handler(decoded(rpc, call.request), signal)) {
        if (watch.signal.aborted) throw watch.signal.reason;
        if (!call.write(message)) await drained(call, watch.signal);
      }
      edge.succeeded(watch.ended());
      call.end();
    } catch (error) {
      call.emit("error", statusError(edge.failed(watch.ended(), error)));
    }
  };
}

/** What unary and streaming calls have in common. */
interface AnyCall {
  readonly request: unknown;
  getDeadline(): Date | number;
  once(event: "cancelled", listener: () => void): unknown;
}

function watchCall(
  rpc: string,
  call: AnyCall,
): { signal: AbortSignal; ended(response?: unknown): EndedCall } {
  const began = performance.now();
  // Taken at once: a clock that is set later moves no deadline.
  const granted: Ms = Number(call.getDeadline()) - Date.now();
  const gone = new AbortController();
  let over = false;
  call.once("cancelled", () => {
    // grpc-js says so after an ordinary end, too.
    if (over) return;
    const isLate = performance.now() - began >= granted - callersLead;
    gone.abort(new Fault(isLate ? "deadline" : "cancelled", `${rpc}: the caller left`));
  });
  return {
    signal: gone.signal,
    ended(response) {
      over = true;
      const request = call.request instanceof Undecodable ? undefined : call.request;
      return { rpc, request, response, took: performance.now() - began, abandoned: gone.signal.aborted };
    },
  };
}

/** Waits until the caller has read what was written. */
function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = () => {
      call.removeListener("drain", onDrain);
      reject(signal.reason);
    };
    if (signal.aborted) return reject(signal.reason);
    call.once("drain", onDrain);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** The error shape that grpc-js turns into a status. */
function statusError({ code, message }: CallStatus): Error & { code: number; details: string } {
  const whole = message.toWellFormed();
  const details =
    whole.length > longestMessage ? `${whole.slice(0, longestMessage - 1).toWellFormed()}…` : whole;
  return Object.assign(new Error(details), { code, details });
}
