import { text } from "node:stream/consumers";
import { BerthService } from "../../wire/gen/berth.v1.ts";
import type { Define } from "../context.ts";
import { addManual } from "../help/manual.ts";
import { explainMissing } from "../missing-call.ts";
import { addConnection } from "../options.ts";
import { UsageError } from "../usage-error.ts";
import { askLine, askSecret } from "./ask.ts";

interface LoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** `berth registry login`: shows a credential to a registry and has the daemon keep it. */
export const defineLogin: Define = (command, context) => {
  addManual(command, {
    description:
      "Has the daemon show a user and password to the registry and, if that takes them, keep them for its pulls: in its own file " +
      "(registry.credentialsFile), which only root can read. Credentials that come with a call are stronger. Without " +
      "--username or --password-stdin they are asked for; what is typed as password is not shown.",
    examples: [
      ["berth registry login registry.example", "Be asked for user and password."],
      ["berth registry login -u ci --password-stdin docker.io <token", "From a file, in a script."],
      ["berth registry login registry.example/team", "For what lies below a path."],
    ],
  });
  addConnection(command)
    .argument("<registry>", "as in docker.io, registry.example:5000 or registry.example/team")
    .option("-u, --username <name>", "the user")
    .option("--password-stdin", "read the password from standard input")
    .action(async (registry: string, options: LoginOptions) => {
      const { username, password } = await credentialFrom(options);
      const runtime = await context.connect(command);
      const answer = await runtime
        .calls(BerthService)
        .registryLogin({ registry, username, password }, { signal: context.interrupted() })
        .catch((error: unknown) => {
          throw explainMissing(error, runtime, "a store of credentials", "it has its own way for these");
        });
      if (!answer.checked)
        process.stderr.write(`${registry} asks nobody who they are: the credential could not be checked\n`);
      process.stdout.write(`kept in ${answer.file}\n`);
    });
};

async function credentialFrom({ username, passwordStdin }: LoginOptions) {
  if (passwordStdin) {
    if (username === undefined) throw new UsageError("--password-stdin needs --username");
    // The end of a line belongs to the file, not to the password.
    return { username, password: (await text(process.stdin)).replace(/\r?\n$/, "") };
  }
  if (!process.stdin.isTTY) {
    throw new UsageError("there is no terminal to ask at: give --username and --password-stdin");
  }
  return { username: username ?? (await askLine("User: ")), password: await askSecret("Password: ") };
}
