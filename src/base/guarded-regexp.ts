import { type Context, createContext, Script } from "node:vm";
import { Fault } from "./fault.ts";
import type { Ms } from "./units.ts";

/** A text of a megabyte takes some milliseconds, unless the expression backs up over and over. */
const patience: Ms = 100;

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

/**
 * A regular expression as Go and POSIX (extended) write it.
 *
 * @throws {SyntaxError} for what is none
 */
export function parseGoRegExp(source: string): RegExp {
  const [whole = "", flags = ""] = /^\(\?([is]+)\)/.exec(source) ?? [];
  const rest = rewritten.reduce((text, [from, to]) => text.replaceAll(from, to), source.slice(whole.length));
  return new RegExp(rest, flags);
}

const test = new Script("expression.test(text)");
/** Made when it is first needed: it takes some megabytes. */
let place: Context | undefined;

/**
 * Whether the expression is found in a text that others have written: one that takes too long is given up.
 *
 * @throws {Fault} exhausted
 */
export function isFoundIn(expression: RegExp, text: string): boolean {
  place ??= createContext({});
  Object.assign(place, { expression, text });
  try {
    return test.runInContext(place, { timeout: patience }) === true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw new Fault("exhausted", `${expression} takes too long on a text of ${text.length} characters`);
  }
}
