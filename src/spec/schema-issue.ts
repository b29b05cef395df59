import { type BaseIssue, getDotPath } from "valibot";

/** The first thing that is wrong with a document: where, and what belongs there. Never what is there: that may be a secret. */
export function schemaIssue(issues: readonly BaseIssue<unknown>[]): string {
  const [issue] = issues;
  if (issue === undefined) return "not as specified";
  const path = getDotPath(issue);
  return `${path === null ? "" : `${path}: `}${problemOf(issue)}`;
}

function problemOf({ kind, message, expected, received }: BaseIssue<unknown>): string {
  if (expected === "never") return "is not known";
  if (received === "undefined") return "is missing";
  return kind === "validation" ? message : `is not ${expected}`;
}
