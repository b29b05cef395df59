import type { Command } from "commander";
import { type ExitMeaning, usualExits } from "../exit-codes.ts";

/** What a page of help says besides the options and arguments, which the command itself knows. */
export interface Manual {
  /** Sentences; paragraphs are parted by an empty line. */
  readonly description: string;
  /** A command line and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Where they aren't the usual ones. */
  readonly exits?: readonly ExitMeaning[];
  /** Beside those that every command heeds. */
  readonly environment?: readonly (readonly [name: string, what: string])[];
  readonly files?: readonly (readonly [path: string, what: string])[];
}

const manuals = new WeakMap<Command, Manual>();

/** Gives `command` its page of help. */
export function addManual(command: Command, manual: Manual): Command {
  manuals.set(command, manual);
  return command;
}

/** The page that was given to `command`; a bare one for commands without. */
export function manualOf(command: Command): Manual & { readonly exits: readonly ExitMeaning[] } {
  const manual = manuals.get(command) ?? { description: "", examples: [] };
  return { exits: usualExits, ...manual };
}
