import { Fault } from "../../base/fault.ts";
import type { Bytes, Ms } from "../../base/units.ts";
import type { HeaderField } from "../http2/hpack.ts";
import type { Http2Session } from "../http2/session.ts";
import { faultOfConnection, faultOfHttpStatus, faultOfReset, faultOfStatus } from "./fault-of-answer.ts";
import { MessageReader, prefixed } from "./messages.ts";
import type { CallOptions } from "./method.ts";

/** What is called, and with what. */
export interface CallRequest {
  readonly path: string;
  readonly message: Uint8Array;
  readonly maxMessage: Bytes;
  /** Sent besides gRPC's own headers; names in lower case. */
  readonly metadata: readonly HeaderField[];
}

/** What the caller learns. `ended` comes once, last. */
export interface CallEvents {
  message(bytes: Buffer): void;
  ended(failure?: Fault): void;
}

export interface Call {
  /** All messages so far have been used: the server may send on. */
  ready(): void;
  /** Ends the call; `ended` is told so. */
  cancel(): void;
}

/** Calls a method that takes one message (gRPC over HTTP/2). The server is held back until `ready` after each message. */
export function startCall(
  session: Http2Session,
  { path, message, maxMessage, metadata }: CallRequest,
  { timeout, signal }: CallOptions,
  events: CallEvents,
): Call {
  const reader = new MessageReader(maxMessage);
  const fields = new Map<string, string>();
  let unused: Bytes = 0;
  /** Messages have come that the caller has not used yet. */
  let isHeldBack = false;
  let isOver = false;
  const end = (failure?: Fault) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
    events.ended(failure);
  };
  const breakOff = (failure: Fault) => {
    request.cancel();
    end(failure);
  };
  const cancel = () => breakOff(new Fault("cancelled", "the call was cancelled"));
  const request = session.request([...headersFor(path, timeout), ...metadata], prefixed(message), {
    headers: (more) => {
      for (const [name, value] of more) fields.set(name, value);
    },
    data: (chunk) => {
      unused += chunk.length;
      try {
        const messages = reader.push(chunk);
        isHeldBack ||= messages.length > 0;
        // A message that isn't whole yet must not wait for a reader that waits for it.
        if (!isHeldBack) call.ready();
        for (const bytes of messages) events.message(bytes);
      } catch (error) {
        breakOff(error as Fault);
      }
    },
    ended: (reason) => {
      if (reason instanceof Fault) end(faultOfConnection(reason, session.path));
      else if (reason !== undefined) end(faultOfReset(reason.resetWith));
      else end(faultOfFields(fields) ?? reader.missing());
    },
  });
  const timer = timeout === undefined ? undefined : setTimeout(() => breakOff(tooLate(timeout)), timeout);
  const call: Call = {
    ready: () => {
      isHeldBack = false;
      request.used(unused);
      unused = 0;
    },
    cancel,
  };
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener("abort", cancel, { once: true });
  return call;
}

function headersFor(path: string, timeout: Ms | undefined): HeaderField[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["user-agent", "berth"],
    ...(timeout === undefined ? [] : [["grpc-timeout", timeoutValue(timeout)] as const]),
  ];
}

/** At most eight digits and a unit: milliseconds, or seconds for very long ones. */
function timeoutValue(timeout: Ms): string {
  const ms = Math.max(1, Math.ceil(timeout));
  return ms < 1e8 ? `${ms}m` : `${Math.min(Math.ceil(ms / 1000), 99_999_999)}S`;
}

function tooLate(timeout: Ms): Fault {
  return new Fault("deadline", `there was no answer within ${timeout} ms`);
}

/** What the headers and trailers of a whole response say; undefined when the call went well. */
function faultOfFields(fields: ReadonlyMap<string, string>): Fault | undefined {
  const code = fields.get("grpc-status");
  if (code === "0") return undefined;
  if (code !== undefined) return faultOfStatus(Number(code), fields.get("grpc-message") ?? "");
  const status = fields.get(":status") ?? "";
  return status === "200" ? new Fault("internal", "the answer has no status") : faultOfHttpStatus(status);
}
