import { Option } from "commander";
import { during } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Define } from "./context.ts";
import { programExits } from "./exit-codes.ts";
import { findContainer } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseDuration } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface ExecOptions {
  readonly timeout?: Ms;
  readonly interactive?: boolean;
  readonly tty?: boolean;
}

/** `berth exec`: runs a program in a container to its end, then shows what it wrote. Exits with its code. */
export const defineExec: Define = (command, context) => {
  addManual(command, {
    description:
      "Runs a program in a running container. It gets no input, and its output is shown when it has " +
      "ended.",
    examples: [
      ["berth exec web nginx -v", "Run a program in a container."],
      ["berth exec --timeout 5s web sh -c 'sleep 60'", "Give it five seconds."],
    ],
    exits: programExits,
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .argument("<command...>", "the program and its arguments")
    .option("--timeout <duration>", "kill it after this time", parseDuration)
    // As crictl's users write it; there is no other way to run a program here.
    .addOption(new Option("-s, --sync").hideHelp())
    .addOption(new Option("-i, --interactive").hideHelp())
    .addOption(new Option("-t, --tty").hideHelp())
    .passThroughOptions()
    .action(async (id: string, program: string[], options: ExecOptions) => {
      if (options.interactive || options.tty) {
        throw new UsageError("programs get no input and no terminal: leave --interactive and --tty out");
      }
      const runtime = await context.connect(command);
      const container = await findContainer(runtime, id);
      const answer = await runtime.pods
        .execSync({
          containerId: container.id,
          cmd: program,
          timeout: BigInt(Math.ceil((options.timeout ?? 0) / 1000)),
        })
        .catch((error) => {
          throw during(`running ${program[0]} in ${container.metadata?.name ?? id}`, error);
        });
      process.stdout.write(answer.stdout);
      process.stderr.write(answer.stderr);
      context.exitWith(answer.exitCode);
    });
};
