import type { Argument, Command, Option } from "commander";
import { type Kind, kindOf } from "./kinds.ts";

/** What may stand where the cursor is: known words, or things of a kind that only the node can list. */
export interface Candidates {
  readonly words: readonly Candidate[];
  readonly kind?: Kind;
  /** Put before each: `--output=` of what is typed already. */
  readonly prefix?: string;
}

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

const none: Candidates = { words: [] };

/** What may come at the last of `words`, which the user has typed after `berth`; it may be empty. */
export function candidatesFor(program: Command, words: readonly string[]): Candidates {
  const current = words.at(-1) ?? "";
  let command = program;
  let positionals = 0;
  let optionsAreOver = false;
  const before = words.slice(0, -1);
  for (let at = 0; at < before.length; at++) {
    const word = before[at] ?? "";
    if (optionsAreOver || !isOption(word)) {
      const inner = positionals === 0 ? command.commands.find((sub) => sub.name() === word) : undefined;
      if (inner !== undefined) command = inner;
      else {
        positionals += 1;
        optionsAreOver ||= takesOptionsFirst(command);
      }
    } else if (word === "--") optionsAreOver = true;
    else {
      const option = findOption(command, word);
      if (option === undefined || !takesValue(option) || word.includes("=")) continue;
      at += 1;
      if (at === before.length) return valuesOf(option);
    }
  }
  if (!optionsAreOver && isOption(current, true)) return optionsOf(command, current);
  if (positionals === 0 && command.commands.length > 0) return { words: command.commands.map(described) };
  return argumentAt(command, positionals);
}

function isOption(word: string, soFar = false): boolean {
  return word.startsWith("-") && (soFar || word !== "-");
}

/** `run` and `exec`: what follows their first argument is another program's. */
function takesOptionsFirst(command: Command): boolean {
  return (command as { _passThroughOptions?: boolean })._passThroughOptions === true;
}

function described(command: Command): Candidate {
  return { word: command.name(), about: command.description() };
}

function findOption(command: Command, word: string): Option | undefined {
  const name = word.replace(/=.*$/s, "");
  const options = visibleOptions(command);
  const exact = options.find(({ short, long }) => short === name || long === name);
  // Of several short ones in one word, the last may take a value: -aq, -it.
  const last = /^-[A-Za-z]{2,}$/.test(word) ? `-${word.at(-1)}` : undefined;
  return exact ?? options.find(({ short }) => short !== undefined && short === last);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function visibleOptions(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

/** The options that begin so, or the values of the one before "=". */
function optionsOf(command: Command, current: string): Candidates {
  const equals = current.indexOf("=");
  if (equals > 0) {
    const option = findOption(command, current);
    return option === undefined ? none : { ...valuesOf(option), prefix: current.slice(0, equals + 1) };
  }
  return {
    words: visibleOptions(command).map((option) => ({
      word: option.long ?? option.short ?? "",
      about: option.description,
    })),
  };
}

function valuesOf(option: Option): Candidates {
  if (option.argChoices !== undefined) return { words: option.argChoices.map(plain) };
  const [, placeholder = ""] = /[<[]([^>\]]+)[>\]]/.exec(option.flags) ?? [];
  return ofKind(placeholder);
}

function argumentAt(command: Command, index: number): Candidates {
  const args: readonly Argument[] = command.registeredArguments;
  const last = args.at(-1);
  const argument = args[index] ?? (last?.variadic ? last : undefined);
  if (argument === undefined) return none;
  if (argument.argChoices !== undefined) return { words: argument.argChoices.map(plain) };
  return ofKind(argument.name());
}

function ofKind(placeholder: string): Candidates {
  const kind = kindOf(placeholder);
  return kind === undefined ? none : { words: [], kind };
}

function plain(word: string): Candidate {
  return { word, about: "" };
}
