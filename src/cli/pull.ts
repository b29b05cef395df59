import { readPodSandboxConfig } from "./config-file/read.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, pairs, parseDuration, repeated } from "./options.ts";
import { addCredentials, authFrom, type CredentialOptions, pullImage } from "./pull-image.ts";
import { UsageError } from "./usage-error.ts";

interface PullOptions extends CredentialOptions {
  readonly quiet?: boolean;
  readonly pullTimeout?: number;
  readonly annotation?: string[];
  readonly namespace?: string;
  readonly podConfig?: string;
}

/** `berth pull`: brings images from their registries. */
export const definePull: Define = (command, context) => {
  addManual(command, {
    description:
      "Brings an image from its registry and prints its id. How far it is goes to standard error: on a " +
      "terminal a bar for each layer, else a line now and then. Mirrors, certificates and credentials of " +
      "a registry are set in the daemon's hosts.toml; an image that is there already is only compared " +
      "with the registry's.",
    examples: [
      ["berth pull docker.io/library/busybox:1.36", "From a public registry."],
      ["berth pull --creds-file /root/creds registry.example/app:2", "With the user and password in a file."],
      ["id=$(berth pull -q docker.io/library/busybox:1.36)", "In a script."],
    ],
    files: [["/etc/berth/certs.d/HOST/hosts.toml", "How the registry HOST is reached."]],
  });
  addCredentials(addConnection(command))
    .argument("<image>", "as in docker.io/library/busybox:1.36")
    .option("-q, --quiet", "only print the id")
    .option("--pull-timeout <duration>", "give up after this time", parseDuration)
    .option("-a, --annotation <key=value>", "annotation for runtimes that heed them (repeatable)", repeated)
    .option("--namespace <name>", "Kubernetes namespace whose policy holds (docs/policy.md)")
    .option("--pod-config <file>", "configuration of the pod that it is for (JSON or YAML)")
    .action(async (image: string, options: PullOptions) => {
      const annotations = options.annotation === undefined ? {} : { annotations: pairs(options.annotation) };
      const file = options.podConfig;
      const sandboxConfig = file === undefined ? undefined : await readPodSandboxConfig(file);
      const { namespace } = options;
      if (namespace !== undefined && sandboxConfig !== undefined)
        throw new UsageError("a pod's configuration names its namespace: leave out --namespace");
      const request = { image, auth: authFrom(options), namespace, sandboxConfig, ...annotations };
      const runtime = await context.connect(command);
      const interrupted = context.interrupted();
      const signal =
        options.pullTimeout === undefined
          ? interrupted
          : AbortSignal.any([interrupted, AbortSignal.timeout(options.pullTimeout)]);
      const id = await pullImage(runtime, request, { quiet: options.quiet === true, signal });
      process.stdout.write(`${id}\n`);
    });
};
