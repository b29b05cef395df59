import { nearest } from "../base/nearest.ts";

/** The command line can't be meant: nothing was asked of the runtime. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Says that there is no such thing, and which one was probably meant. */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  return `there is no ${what} "${name}"${guess === undefined ? "" : `; did you mean ${guess}?`}`;
}
