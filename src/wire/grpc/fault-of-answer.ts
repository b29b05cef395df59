import { Fault, type FaultKind } from "../../base/fault.ts";

/** What a gRPC code means to a client, whichever runtime answered. Codes that are not here are `internal`. */
const kindOfCode: ReadonlyMap<number, FaultKind> = new Map([
  [1, "cancelled"],
  [3, "invalid"],
  [4, "deadline"],
  [5, "notFound"],
  [6, "alreadyExists"],
  [7, "forbidden"],
  [8, "exhausted"],
  [9, "wrongState"], // FAILED_PRECONDITION
  [10, "wrongState"], // ABORTED
  [11, "invalid"], // OUT_OF_RANGE
  [12, "unimplemented"],
  [14, "unavailable"],
  [15, "corrupt"], // DATA_LOSS
  [16, "unauthenticated"],
]);

/** The server's own words: `grpc-status` and `grpc-message`, as they were sent. */
export function faultOfStatus(code: number, message: string): Fault {
  return new Fault(faultKindOf(code), decodeMessage(message));
}

export function faultKindOf(code: number): FaultKind {
  return kindOfCode.get(code) ?? "internal";
}

/** Percent-encoded UTF-8; what isn't is shown as it came. */
function decodeMessage(message: string): string {
  const octets: number[] = [];
  for (let at = 0; at < message.length; at++) {
    const hex = message[at] === "%" ? message.slice(at + 1, at + 3) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      octets.push(Number.parseInt(hex, 16));
      at += 2;
    } else octets.push(message.charCodeAt(at));
  }
  return Buffer.from(octets).toString("utf8");
}

const kindOfHttpStatus: ReadonlyMap<string, FaultKind> = new Map([
  ["401", "unauthenticated"],
  ["403", "forbidden"],
  ["404", "unimplemented"],
  ["429", "unavailable"],
  ["502", "unavailable"],
  ["503", "unavailable"],
  ["504", "unavailable"],
]);

/** A response that is no gRPC at all ("HTTP to gRPC status code mapping" of the gRPC documentation). */
export function faultOfHttpStatus(status: string): Fault {
  return new Fault(kindOfHttpStatus.get(status) ?? "internal", `answered with HTTP status ${status}`);
}

/** Codes of RST_STREAM (RFC 9113, section 7) that say more than that it went wrong. */
const kindOfReset: ReadonlyMap<number, FaultKind> = new Map([
  [0x7, "unavailable"], // REFUSED_STREAM
  [0x8, "cancelled"],
  [0xb, "exhausted"], // ENHANCE_YOUR_CALM
  [0xc, "forbidden"], // INADEQUATE_SECURITY
]);

export function faultOfReset(code: number): Fault {
  return new Fault(kindOfReset.get(code) ?? "internal", `the call was broken off with HTTP/2 error ${code}`);
}

/** What to do when no server answers at `socket`. */
export function faultOfConnection(failure: Fault, socket: string): Fault {
  const { code } = (failure.cause ?? {}) as NodeJS.ErrnoException;
  if (code === "EACCES") {
    return new Fault("forbidden", `may not connect to ${socket}`, {
      hint: "run as root, or join the group that owns the socket",
    });
  }
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return new Fault("unavailable", `nobody answers at ${socket}`, { hint: "is the daemon running there?" });
  }
  return new Fault(failure.kind, `calling ${socket}`, { cause: failure });
}
