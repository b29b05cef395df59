import { test } from "node:test";
import type { Difference, TestedHandler } from "./tested-handler.ts";

/** A test of what holds; with a handler that is declared to differ in that, of what holds in its place. */
export function caseOf(
  { differences = {} }: TestedHandler,
  difference: Difference,
  name: string,
  holds: () => Promise<void>,
  differs: () => Promise<void>,
): void {
  const why = differences[difference];
  if (why === undefined) test(name, holds);
  else test(`not: ${name} (${why})`, differs);
}
