/** What went wrong, in the terms of the caller. `api/status.ts` maps each kind to one gRPC code. */
export type FaultKind =
  | "invalid" // the request is malformed; the message names the field
  | "notFound"
  | "alreadyExists"
  | "wrongState" // the object exists, but not in a state that allows this
  | "unauthenticated"
  | "forbidden"
  | "exhausted" // disk, memory, a size limit
  | "unavailable" // another party does not answer; trying again may help
  | "deadline"
  | "cancelled"
  | "unimplemented"
  | "corrupt" // stored or received data does not match its digest or format
  | "internal";

/** Failures that callers count or tell apart beyond their kind; the edge says it in their own word (`api/status.ts`). */
export type FaultReason = "imageVolume" | "recursiveReadOnly" | "signatureValidation";

/**
 * The one error type that crosses module borders.
 *
 * The message says what was asked and which step failed; `cause` is what the failing part said; `hint` is what the
 * reader can do about it. None of them may hold a secret.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  readonly hint: string | undefined;
  readonly reason: FaultReason | undefined;

  constructor(
    kind: FaultKind,
    message: string,
    options: { cause?: unknown; hint?: string; reason?: FaultReason } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.hint = options.hint;
    this.reason = options.reason;
  }
}

/** The reason that the nearest Fault in the causes of a thrown value has. */
export function faultReason(error: unknown): FaultReason | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 16; at = at.cause, depth++)
    if (at instanceof Fault && at.reason !== undefined) return at.reason;
  return undefined;
}

/** Errnos by which the kernel says that the node has no more of something, whatever was tried. */
const exhausting: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE"]);

export function nodeIsExhausted(errno: unknown): boolean {
  return exhausting.has(errno);
}

/**
 * The kind of any thrown value: a Fault's own, that of the nearest Fault in its causes, or what the kernel's word means where
 * that is the same whatever was tried; else `internal`.
 */
export function faultKind(error: unknown): FaultKind {
  for (let at = error, depth = 0; at instanceof Error && depth < 16; at = at.cause, depth++) {
    if (at instanceof Fault) return at.kind;
    if (at.name === "AbortError") return "cancelled";
    if (at.name === "TimeoutError") return "deadline";
    if ("code" in at && nodeIsExhausted(at.code)) return "exhausted";
  }
  return "internal";
}

/** True if `error` is a Fault of one of `kinds`. */
export function isFault(error: unknown, ...kinds: FaultKind[]): error is Fault {
  return error instanceof Fault && (kinds.length === 0 || kinds.includes(error.kind));
}

/** Wraps a thrown value with what was being done, keeping its kind. */
export function during(doing: string, error: unknown, hint?: string): Fault {
  return new Fault(faultKind(error), doing, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** The whole story on one line: message, causes in order, and the hint of the outermost part that has one. */
export function describeFault(error: unknown): string {
  const said: string[] = [];
  let hint: string | undefined;
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 16; depth++) {
    const message = at instanceof Error ? at.message : String(at);
    if (message !== "" && said.at(-1) !== message) said.push(message);
    if (hint === undefined && at instanceof Fault) hint = at.hint;
    at = at instanceof Error ? at.cause : undefined;
  }
  const story = said.join(": ");
  return hint === undefined ? story : `${story} (${hint})`;
}
