import { during } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Encoded } from "./encoded.ts";

/** One method of a service, as ts-proto describes it for grpc-js. */
export interface MethodDefinition<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(value: Request): Buffer;
  requestDeserialize(bytes: Buffer): Request;
  responseSerialize(value: Response): Buffer;
  responseDeserialize(bytes: Buffer): Response;
}

/** A generated `…Service` constant: method names to definitions. */
// biome-ignore lint/suspicious/noExplicitAny: the messages differ from method to method
export type ServiceDefinition = { readonly [method: string]: MethodDefinition<any, any> };

/** Answers one request. `signal` aborts when the caller cancels, goes away, or its deadline passes. */
export type UnaryHandler<Request, Response> = (
  request: Request,
  signal: AbortSignal,
) => Promise<Response | Encoded<Response>>;

/** Answers one request with a stream, pulled no faster than the caller reads. `signal` also aborts on shutdown. */
export type StreamHandler<Request, Response> = (
  request: Request,
  signal: AbortSignal,
) => AsyncIterable<Response | Encoded<Response>>;

type HandlerOf<Method> = Method extends {
  readonly responseStream: infer Streams;
  requestDeserialize(bytes: Buffer): infer Request;
  responseDeserialize(bytes: Buffer): infer Response;
}
  ? Streams extends true
    ? StreamHandler<Request, Response>
    : UnaryHandler<Request, Response>
  : never;

/** A handler for each method of a service. */
export type Handlers<Service> = { readonly [Name in keyof Service]: HandlerOf<Service[Name]> };

/** How long a call may take and what ends it early. Without a timeout it may take for ever. */
export interface CallOptions {
  readonly timeout?: Ms;
  readonly signal?: AbortSignal;
}

type CallOf<Method> = Method extends {
  readonly responseStream: infer Streams;
  requestDeserialize(bytes: Buffer): infer Request;
  responseDeserialize(bytes: Buffer): infer Response;
}
  ? Streams extends true
    ? (request: Partial<Request>, options?: CallOptions) => AsyncIterable<Response>
    : (request: Partial<Request>, options?: CallOptions) => Promise<Response>
  : never;

/**
 * A function for each method of a service. Fields left out of a request have their default; nested messages are made
 * whole by `create` of their generated codec.
 */
export type Calls<Service> = { readonly [Name in keyof Service]: CallOf<Service[Name]> };

/** What is left out of a request has the defaults of its fields: those of an empty message. */
export function encoded<Request, Response>(
  method: MethodDefinition<Request, Response>,
  request: Partial<Request>,
): Uint8Array {
  return method.requestSerialize({ ...method.requestDeserialize(Buffer.alloc(0)), ...request });
}

/** @throws {Fault} internal */
export function decoded<Request, Response>(
  method: MethodDefinition<Request, Response>,
  bytes: Buffer,
): Response {
  try {
    return method.responseDeserialize(bytes);
  } catch (error) {
    throw during(`reading the answer to ${method.path}`, error);
  }
}
