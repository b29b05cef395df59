import type { Argument, Command, Option } from "commander";
import { commandGroups } from "../command-entry.ts";
import { commands } from "../commands.ts";
import { usualExits } from "../exit-codes.ts";
import { terminalOf } from "../output/terminal.ts";
import { environment, files } from "./environment.ts";
import { manualOf } from "./manual.ts";
import { Page } from "./text.ts";

/** Options that every command has: they come last. */
const common = new Set(["--endpoint", "--config", "--help"]);

/** The page of help of `command`, for standard output. */
export function helpPage(command: Command): string {
  const page = new Page(terminalOf(process.stdout));
  return command.parent === null ? overview(command, page) : commandPage(command, page);
}

function overview(program: Command, page: Page): string {
  const shown = [...program.options.filter((option) => !option.hidden), ...helpOption(program)];
  const { description, examples } = manualOf(program);
  page
    .section("NAME", page.prose("berth - a container runtime for Kubernetes nodes"))
    .section("SYNOPSIS", page.prose("berth [--endpoint SOCKET] [--config FILE] COMMAND [ARGUMENT...]"))
    .section("DESCRIPTION", page.prose(description));
  for (const group of commandGroups) {
    const inside = commands.filter((command) => command.group === group);
    page.section(
      group.toUpperCase(),
      page.terms(inside.map(({ name, about }): [string, string] => [name, about])),
    );
  }
  return page
    .section("OPTIONS", page.terms(shown.map(optionTerm)))
    .section("EXAMPLES", page.examples(examples))
    .section("EXIT STATUS", page.terms(usualExits))
    .section("ENVIRONMENT", page.terms(environment))
    .section("FILES", page.terms(files))
    .section("SEE ALSO", page.prose("`berth help COMMAND` has the page of each command."))
    .toString();
}

function commandPage(command: Command, page: Page): string {
  const manual = manualOf(command);
  const path = pathOf(command);
  const options = [...command.options.filter((option) => !option.hidden), ...helpOption(command)];
  const own = options.filter((option) => !common.has(option.long ?? ""));
  const shared = options.filter((option) => common.has(option.long ?? ""));
  page
    .section("NAME", page.prose(`${path} - ${command.description()}`))
    .section("SYNOPSIS", page.prose(synopsis(command, path)))
    .section("DESCRIPTION", page.prose(manual.description))
    .section("COMMANDS", page.terms(command.commands.map((sub) => [sub.name(), sub.description()])))
    .section("ARGUMENTS", page.terms(command.registeredArguments.map(argumentTerm)))
    .section("OPTIONS", page.terms(own.map(optionTerm)))
    .section("COMMON OPTIONS", page.terms(shared.map(optionTerm)))
    .section("EXAMPLES", page.examples(manual.examples))
    .section("EXIT STATUS", page.terms(manual.exits))
    .section("ENVIRONMENT", page.terms(manual.environment ?? []))
    .section("FILES", page.terms(manual.files ?? []));
  return page.toString();
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function synopsis(command: Command, path: string): string {
  const options = command.options.length > 0 ? " [OPTION...]" : "";
  const sub = command.commands.length > 0 ? " COMMAND" : "";
  const named = command.registeredArguments.map((argument) => ` ${argumentWord(argument)}`);
  return `${path}${options}${sub}${named.join("")}`;
}

function argumentWord(argument: Argument): string {
  const name = `${argument.name().toUpperCase()}${argument.variadic ? "..." : ""}`;
  return argument.required ? name : `[${name}]`;
}

function argumentTerm(argument: Argument): [string, string] {
  return [argument.name().toUpperCase(), sentence(argument.description, [])];
}

function optionTerm(option: Option): [string, string] {
  const more = [
    ...(option.argChoices === undefined ? [] : [`one of ${option.argChoices.join(", ")}`]),
    ...(option.defaultValue === undefined
      ? []
      : [`default: ${option.defaultValueDescription ?? String(option.defaultValue)}`]),
    ...(option.mandatory ? ["required"] : []),
  ];
  // An option with nothing but a long name is indented as if it had a short one.
  const flags = option.short === undefined ? `    ${option.flags}` : option.flags;
  return [
    flags.replaceAll(/<([^>]+)>/g, (_, name: string) => name.toUpperCase()),
    sentence(option.description, more),
  ];
}

function helpOption(command: Command): Option[] {
  const { visibleOptions } = command.createHelp();
  return visibleOptions.call(command.createHelp(), command).filter((option) => option.long === "--help");
}

/** A text with a capital at its beginning and a full stop, and what is to be known besides. */
function sentence(text: string, more: readonly string[]): string {
  const whole = more.length === 0 ? text : `${text} (${more.join("; ")})`;
  const first = whole.startsWith("berth") ? "b" : whole.charAt(0).toUpperCase();
  return `${first}${whole.slice(1)}${whole.endsWith(".") || whole === "" ? "" : "."}`;
}
