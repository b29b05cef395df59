import { type BaseIssue, getDotPath } from "valibot";

/**
 * The first thing that is wrong with a document: where, and what belongs there. Never what is there: that may be a secret.
 *
 * @param show how to write a place, where keys may hold dots; `a.0.b` unless given
 */
export function schemaIssue(
  issues: readonly BaseIssue<unknown>[],
  show?: (keys: readonly (string | number)[]) => string,
): string {
  const [issue] = issues;
  if (issue === undefined) return "not as specified";
  const keys = issue.path?.map(({ key }) => (typeof key === "number" ? key : String(key)));
  const path = show === undefined ? getDotPath(issue) : keys && show(keys);
  return `${path ? `${path}: ` : ""}${problemOf(issue)}`;
}

function problemOf({ kind, message, expected, received }: BaseIssue<unknown>): string {
  if (expected === "never") return "is not known";
  if (received === "undefined") return "is missing";
  return kind === "validation" ? message : `is not ${expected}`;
}
