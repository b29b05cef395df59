import { Command, Option } from "commander";
import { version } from "../base/version.ts";
import type { Config } from "../config/schema.ts";
import type { CommandEntry } from "./command-entry.ts";
import { commands } from "./commands.ts";
import type { ConnectionOptions } from "./connect.ts";
import type { CommandContext, Runtime } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { complaint, tellFailure } from "./failure.ts";
import { addManual } from "./help/manual.ts";
import { helpPage } from "./help/page.ts";
import { Interruption } from "./interruption.ts";
import { addConnection } from "./options.ts";

/** What the command line alone can't do. */
export interface Surroundings {
  serve(readConfig: () => Config): Promise<void>;
}

/** Runs the command that `args` ask for. @returns the exit code */
export async function main(args: readonly string[], { serve }: Surroundings): Promise<number> {
  const interruption = new Interruption();
  interruption.watchOutput();
  let exitCode: number | undefined;
  let running: CommandEntry | undefined;
  const open: Runtime[] = [];
  const connect = async (options: ConnectionOptions) => {
    const { connectTo } = await import("./connect.ts");
    const runtime = connectTo(options);
    open.push(runtime);
    return runtime;
  };
  const context: CommandContext = {
    connect: (command) => connect(command.optsWithGlobals()),
    serve,
    interrupted: () => interruption.heed(),
    exitWith(code) {
      exitCode = code;
    },
  };
  try {
    if (asksToPublish(args)) {
      const { publishEvent } = await import("./publish-event.ts");
      await publishEvent(args);
      return 0;
    }
    const program = await programFor(args, context);
    if (args[0] === "__complete") {
      const { completionLines } = await import("./completion/complete.ts");
      process.stdout.write(await completionLines(program, args.slice(1), connect));
      return 0;
    }
    program.hook("preSubcommand", (_, command) => {
      running = commands.find(({ name }) => name === command.name());
    });
    await program.parseAsync(args, { from: "user" });
    return exitCode ?? interruption.code ?? 0;
  } catch (error) {
    if (interruption.code !== undefined) return interruption.code;
    const code = tellFailure(error);
    if (code === exitCodes.unreachable) await tellOfService(open);
    return code !== 0 && running?.handsOnExits ? exitCodes.notRun : code;
  } finally {
    for (const runtime of open) runtime.close();
  }
}

async function programFor(args: readonly string[], context: CommandContext): Promise<Command> {
  const program = addManual(addConnection(new Command("berth")), manual)
    // crictl's name for --endpoint, where its users write it.
    .addOption(new Option("-r, --runtime-endpoint <address>").hideHelp())
    .exitOverride()
    .enablePositionalOptions()
    .helpCommand(false)
    .helpOption("-h, --help", "show this page")
    .version(`berth ${version}`, "-V, --version", "show the version of the command")
    .showSuggestionAfterError()
    .configureHelp({ formatHelp: helpPage })
    .configureOutput({
      // What may be painted is decided where it is painted.
      getOutHasColors: () => true,
      getErrHasColors: () => true,
      outputError: (text, write) => write(`${complaint(usageProblem(text))}\n`),
    })
    .showHelpAfterError("(see `berth --help`)");
  const asked = new Set(args);
  // A known command is all that can be meant: the others are left out, so that each starts fast.
  const [first] = args;
  const only = commands.filter(({ name }) => name === first && name !== "help");
  for (const { name, about, load } of only.length > 0 ? only : commands) {
    const command = program.command(name).description(about);
    command.showHelpAfterError(`(see \`berth ${name} --help\`)`);
    if (asked.has(name)) (await load())(command, context);
  }
  return program;
}

/** What the service manager knows of a daemon that did not answer. */
async function tellOfService(asked: readonly Runtime[]): Promise<void> {
  const { serviceAdvice } = await import("./service-advice.ts");
  for (const { endpoint } of asked) {
    const advice = await serviceAdvice(endpoint);
    if (advice !== undefined) process.stderr.write(`${complaint(advice)}\n`);
  }
}

/** What a shim runs to tell of an event where it can't do so by itself (containerd's `publish`), with flags as Go has them. */
function asksToPublish(args: readonly string[]): boolean {
  return args.includes("publish") && /^--?address(=|$)/.test(args[0] ?? "");
}

/** commander's "error: unknown option '--al'\n(Did you mean --all?)" on one line. */
function usageProblem(text: string): string {
  return text
    .trimEnd()
    .replace(/^error: /, "")
    .replace(/\n\(Did you mean (.+)\?\)$/s, "; did you mean $1?");
}

const manual = {
  description:
    "berth pulls images from registries, gives each pod its namespaces, cgroup and network, and has an OCI runtime " +
    "run its containers. The kubelet drives the daemon (`berth serve`) over the Container Runtime Interface; the " +
    "other commands are for people and scripts. They speak the same interface and work on any runtime that has it: " +
    "--endpoint leads them to containerd or CRI-O.\n\n" +
    "A container or pod is named by its id, by the first digits of its id, or by its name. What is listed can be had " +
    "as a table, as JSON and as YAML (-o).",
  examples: [
    ["berth run -d --name web -p 8080:80 docker.io/library/nginx:1.27", "Run a web server."],
    ["berth ps", "List what runs; then read what one wrote, and look into it."],
    ["berth logs -f web", "Follow its output until it ends."],
    ["berth exec web nginx -v", "Run a program in it."],
    ["berth ps -o json | jq -r '.containers[].id'", "Have a script read the same list."],
    ["berth --endpoint /run/containerd/containerd.sock ps", "List the containers of another runtime."],
  ] as const,
};
