import type { CallOptions } from "../grpc/method.ts";

/** Values by key, as both sides may send them beside the message. */
export type Metadata = Readonly<Record<string, readonly string[]>>;

export interface TtrpcCallOptions extends CallOptions {
  readonly metadata?: Metadata;
  /** Its answer may take for ever: the process doesn't stay for it. */
  readonly isBackground?: boolean;
}

/** What a handler learns of the call besides its message. */
export interface IncomingCall {
  /** Aborts when the caller's time is over or its connection closed. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
}

interface MessagesOf<Request, Response> {
  requestDeserialize(bytes: Buffer): Request;
  responseDeserialize(bytes: Buffer): Response;
}

type CallOf<Method> =
  Method extends MessagesOf<infer Request, infer Response>
    ? (
        request: Method extends { readonly requestStream: true }
          ? AsyncIterable<Partial<Request>>
          : Partial<Request>,
        options?: TtrpcCallOptions,
      ) => Method extends { readonly responseStream: true } ? AsyncIterable<Response> : Promise<Response>
    : never;

/** A function for each method of a service. Fields left out of a request have their default. */
export type TtrpcCalls<Service> = { readonly [Name in keyof Service]: CallOf<Service[Name]> };

type HandlerOf<Method> =
  Method extends MessagesOf<infer Request, infer Response>
    ? (
        request: Method extends { readonly requestStream: true } ? AsyncIterable<Request> : Request,
        call: IncomingCall,
      ) => Method extends { readonly responseStream: true } ? AsyncIterable<Response> : Promise<Response>
    : never;

/** A handler for each method of a service. */
export type TtrpcHandlers<Service> = { readonly [Name in keyof Service]: HandlerOf<Service[Name]> };
