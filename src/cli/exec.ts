import { during } from "../base/fault.ts";
import type { Ms } from "../base/units.ts";
import type { Container } from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { programExits } from "./exit-codes.ts";
import { findContainer } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseDuration } from "./options.ts";
import { runStreamed } from "./stream/run-streamed.ts";
import { UsageError } from "./usage-error.ts";

interface ExecOptions {
  readonly timeout?: Ms;
  readonly sync?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
}

/** `berth exec`: runs a program in a container, its input and output joined with the user's. Exits with its code. */
export const defineExec: Define = (command, context) => {
  addManual(command, {
    description:
      "Runs a program in a running container and shows what it writes as it comes. With --interactive it reads " +
      "what is typed or piped in; with --tty it has a terminal, as a shell wants. If the command is interrupted or " +
      "its connection breaks, the program is killed with all that it started.",
    examples: [
      ["berth exec web nginx -v", "Run a program in a container."],
      ["berth exec -it web sh", "A shell in a container."],
      ["berth exec -i web sh -c 'cat > /tmp/file' < file", "Copy a file into a container."],
      ["berth exec --timeout 5s web sh -c 'sleep 60'", "Give it five seconds."],
    ],
    exits: programExits,
  });
  addConnection(command)
    .argument("<container>", "id, prefix of an id, or name")
    .argument("<command...>", "the program and its arguments")
    .option("-i, --interactive", "pass input on to it")
    .option("-t, --tty", "give it a terminal")
    .option("-s, --sync", "show what it wrote when it has ended, as a probe is run")
    .option("--timeout <duration>", "kill it after this time; as --sync", parseDuration)
    .passThroughOptions()
    .action(async (id: string, program: string[], options: ExecOptions) => {
      const isSync = options.sync === true || options.timeout !== undefined;
      if (isSync && (options.interactive || options.tty)) {
        throw new UsageError("--sync and --timeout run it without input and terminal: leave -i and -t out");
      }
      const runtime = await context.connect(command);
      const container = await findContainer(runtime, id);
      const running = isSync
        ? runToEnd(runtime, container, program, options.timeout ?? 0)
        : runJoined(runtime, container, program, options);
      context.exitWith(
        await running.catch((error) => {
          throw during(`running ${program[0]} in ${container.metadata?.name ?? id}`, error);
        }),
      );
    });
};

async function runJoined(
  runtime: Runtime,
  { id: containerId }: Container,
  cmd: string[],
  { interactive: stdin = false, tty = false }: ExecOptions,
): Promise<number> {
  const wanted = { stdin, tty, stdout: true, stderr: !tty };
  const { url } = await runtime.pods.exec({ containerId, cmd, ...wanted });
  return (await runStreamed(url, { stdin, tty, canDetach: false })) ?? 0;
}

async function runToEnd(
  runtime: Runtime,
  { id: containerId }: Container,
  cmd: string[],
  timeout: Ms,
): Promise<number> {
  const seconds = BigInt(Math.ceil(timeout / 1000));
  const answer = await runtime.pods.execSync({ containerId, cmd, timeout: seconds });
  process.stdout.write(answer.stdout);
  process.stderr.write(answer.stderr);
  return answer.exitCode;
}
