import { Command, CommanderError } from "commander";
import { describeFault, isFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import { commands } from "./commands.ts";
import type { CommandContext, Runtime } from "./context.ts";
import { printable } from "./output/table.ts";

/** What the command exits with, besides 0 and the exit codes of containers that `run` and `exec` hand on. */
const exitCodes = { failed: 1, usage: 2, unreachable: 3 } as const;

/** What the command line alone can't do. */
export interface Surroundings {
  serve(config: Config): Promise<void>;
}

/** Runs the command that `args` ask for. @returns the exit code */
export async function main(args: readonly string[], { serve }: Surroundings): Promise<number> {
  let exitCode = 0;
  const open: Runtime[] = [];
  const context: CommandContext = {
    async connect(command) {
      const { connectTo } = await import("./connect.ts");
      const runtime = connectTo(command.optsWithGlobals());
      open.push(runtime);
      return runtime;
    },
    serve,
    exitWith(code) {
      exitCode = code;
    },
  };
  try {
    const program = await programFor(args, context);
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return failed(error);
  } finally {
    for (const runtime of open) runtime.close();
  }
}

async function programFor(args: readonly string[], context: CommandContext): Promise<Command> {
  const program = new Command("berth")
    .description("A container runtime for Kubernetes nodes.")
    .exitOverride()
    .enablePositionalOptions()
    .option("--endpoint <address>", "socket of the runtime (any CRI runtime's)")
    .option("--config <file>", "berth's configuration file")
    .showSuggestionAfterError();
  const asked = new Set(args);
  for (const { name, about, load } of commands) {
    const command = program.command(name).description(about);
    if (asked.has(name)) (await load())(command, context);
  }
  return program;
}

function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
  const story = describeFault(error).split("\n").map(printable).join("\n");
  process.stderr.write(`berth: ${story}\n`);
  return isFault(error, "unavailable") ? exitCodes.unreachable : exitCodes.failed;
}
