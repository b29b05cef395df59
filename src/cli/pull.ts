import type { Define } from "./context.ts";
import { addConnection } from "./options.ts";
import { authFrom, pullImage } from "./pull-image.ts";

interface PullOptions {
  readonly creds?: string;
  readonly credsFile?: string;
}

/** `berth pull`: brings images from their registries. */
export const definePull: Define = (command, context) => {
  addConnection(command)
    .argument("<image>", "as in docker.io/library/busybox:1.36")
    .option(
      "--creds <user:password>",
      "for the registry; other users of this node can see it while the command runs",
    )
    .option("--creds-file <file>", "user:password, read from a file")
    .action(async (image: string, options: PullOptions) => {
      const runtime = await context.connect(command);
      const auth = authFrom(options.creds, options.credsFile);
      process.stdout.write(`${await pullImage(runtime, image, auth)}\n`);
    });
};
