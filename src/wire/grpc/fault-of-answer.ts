import { type Metadata, status } from "@grpc/grpc-js";
import { Fault, type FaultKind } from "../../base/fault.ts";

/** What a code means to a client, whichever runtime answered. Codes that are not here are `internal`. */
const kindOfCode: ReadonlyMap<number, FaultKind> = new Map([
  [status.CANCELLED, "cancelled"],
  [status.INVALID_ARGUMENT, "invalid"],
  [status.OUT_OF_RANGE, "invalid"],
  [status.DEADLINE_EXCEEDED, "deadline"],
  [status.NOT_FOUND, "notFound"],
  [status.ALREADY_EXISTS, "alreadyExists"],
  [status.PERMISSION_DENIED, "forbidden"],
  [status.RESOURCE_EXHAUSTED, "exhausted"],
  [status.FAILED_PRECONDITION, "wrongState"],
  [status.ABORTED, "wrongState"],
  [status.UNIMPLEMENTED, "unimplemented"],
  [status.UNAVAILABLE, "unavailable"],
  [status.DATA_LOSS, "corrupt"],
  [status.UNAUTHENTICATED, "unauthenticated"],
]);

/** The Fault behind a failed call: the server's own words, or what to do when no server answers at `socket`. */
export function faultOfAnswer(error: unknown, socket: string): Fault {
  if (!isServiceError(error)) return new Fault("internal", `calling ${socket}`, { cause: error });
  const kind = kindOfCode.get(error.code) ?? "internal";
  if (kind !== "unavailable" || answered(error)) return new Fault(kind, error.details);
  if (/\bEACCES\b/.test(error.details)) {
    return new Fault("forbidden", `may not connect to ${socket}`, {
      hint: "run as root, or join the group that owns the socket",
    });
  }
  if (/\b(ENOENT|ECONNREFUSED)\b/.test(error.details)) {
    return new Fault("unavailable", `nobody answers at ${socket}`, { hint: "is the daemon running there?" });
  }
  return new Fault("unavailable", error.details);
}

/** True for a server's own words: only an answer has headers. What this side makes up has none. */
function answered({ metadata }: ServiceError): boolean {
  return metadata !== undefined && Object.keys(metadata.getMap()).length > 0;
}

interface ServiceError {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    typeof error.code === "number" &&
    "details" in error &&
    typeof error.details === "string"
  );
}
