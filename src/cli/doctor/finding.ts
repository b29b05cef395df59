/**
 * How much a finding matters.
 *
 * - ok: looked at, and as it should be
 * - note: worth knowing; nothing to do unless it surprises
 * - warning: works now, but will fail later or for some pods
 * - problem: something does not work
 */
export type Severity = "ok" | "note" | "warning" | "problem";

/** One thing that a check found. */
export interface Finding {
  readonly severity: Severity;
  /** What was found, on one line: the thing, and its state. */
  readonly what: string;
  /** Why it matters, or what shows it; empty when `what` says all. */
  readonly why: string;
  /** What to do about it: a command where there is one; empty when there is nothing to do. */
  readonly remedy: string;
}

export function ok(what: string): Finding {
  return { severity: "ok", what, why: "", remedy: "" };
}

export function note(what: string, why = "", remedy = ""): Finding {
  return { severity: "note", what, why, remedy };
}

export function warning(what: string, why: string, remedy: string): Finding {
  return { severity: "warning", what, why, remedy };
}

export function problem(what: string, why: string, remedy: string): Finding {
  return { severity: "problem", what, why, remedy };
}
