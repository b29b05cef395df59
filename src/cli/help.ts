import type { Command } from "commander";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { UsageError, unknownName } from "./usage-error.ts";

/** `berth help`: the page of a command, as its own `--help` shows it. */
export const defineHelp: Define = (command) => {
  addManual(command, {
    description: "Shows the page of a command, or without one the page of berth as a whole.",
    examples: [
      ["berth help run", "All about running a container."],
      ["berth help config show", "The page of a command that belongs to another."],
    ],
  })
    .argument("[topic...]", "the command, and the one within it")
    .action((names: string[]) => {
      let at: Command = command.parent ?? command;
      for (const name of names) at = within(at, name);
      at.outputHelp();
    });
};

/** @throws {UsageError} */
function within(command: Command, name: string): Command {
  const found = command.commands.find((at) => at.name() === name);
  if (found !== undefined) return found;
  const names = command.commands.map((at) => at.name());
  throw new UsageError(unknownName("command", name, names));
}
