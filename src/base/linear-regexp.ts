import { setFlagsFromString } from "node:v8";

// V8 has an engine that never backs up, whose time is bounded by the lengths of expression and text: decision 0430.
setFlagsFromString("--enable-experimental-regexp-engine");

/** POSIX's classes within brackets, and what Go's expressions have that JavaScript writes otherwise. */
const rewritten: readonly (readonly [RegExp, string])[] = [
  [/\[:alnum:\]/g, "A-Za-z0-9"],
  [/\[:alpha:\]/g, "A-Za-z"],
  [/\[:digit:\]/g, "0-9"],
  [/\[:lower:\]/g, "a-z"],
  [/\[:upper:\]/g, "A-Z"],
  [/\[:space:\]/g, "\\s"],
  [/\[:blank:\]/g, " \\t"],
  [/\[:punct:\]/g, "!-\\/:-@\\[-`{-~"],
  [/\[:xdigit:\]/g, "A-Fa-f0-9"],
  [/\[:word:\]/g, "\\w"],
  [/\(\?P</g, "(?<"],
  [/\\A/g, "^"],
  [/\\z/g, "$"],
];

/** What is found in a text, or not. */
export interface TextPattern {
  test(text: string): boolean;
}

/**
 * A regular expression as Go and POSIX (extended) write it, good for texts that others have written. As in Go, nothing looks
 * ahead or behind, or refers back.
 *
 * @throws {SyntaxError} for what is none
 */
export function parseGoRegExp(source: string): TextPattern {
  const [whole = "", flags = ""] = /^\(\?([is]+)\)/.exec(source) ?? [];
  const rest = rewritten.reduce((text, [from, to]) => text.replaceAll(from, to), source.slice(whole.length));
  const flag = flags.includes("s") ? "sl" : "l";
  if (!flags.includes("i")) return new RegExp(rest, flag);
  // The engine doesn't ignore case: all is in lower case, but for classes such as `\\S`.
  const lower = new RegExp(
    rest.replaceAll(/\\.|[A-Z]/g, (part) => (part.length === 1 ? part.toLowerCase() : part)),
    flag,
  );
  return { test: (text) => lower.test(text.toLowerCase()) };
}
