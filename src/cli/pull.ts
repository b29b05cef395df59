import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { authFrom, pullImage } from "./pull-image.ts";

interface PullOptions {
  readonly creds?: string;
  readonly credsFile?: string;
}

/** `berth pull`: brings images from their registries. */
export const definePull: Define = (command, context) => {
  addManual(command, {
    description:
      "Brings an image from its registry and prints the name under which it is known. Mirrors, " +
      "certificates and credentials of a registry are set in the daemon's hosts.toml; an image that is " +
      "there already is only compared with the registry's.",
    examples: [
      ["berth pull docker.io/library/busybox:1.36", "From a public registry."],
      ["berth pull --creds-file /root/creds registry.example/app:2", "With the user and password in a file."],
    ],
    files: [["/etc/berth/certs.d/HOST/hosts.toml", "How the registry HOST is reached."]],
  });
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
