import { type Command, Option } from "commander";
import { parseAmount, parseSize, repeated } from "./options.ts";
import { addCredentials, type CredentialOptions } from "./pull-image.ts";
import type { RunFlags } from "./run-config.ts";

/** The flags of `berth run` and `berth create`. */
export interface RunOptions extends RunFlags, CredentialOptions {
  readonly name?: string;
  readonly pull: "missing" | "always" | "never";
  readonly runtime?: string;
}

/** What says which pod and container are made. */
export function addRunFlags(command: Command): Command {
  command.option("--name <name>", "name of the pod and its container (default: made from the image's)");
  return addCredentials(addImageFlags(addContainerFlags(addSandboxFlags(command))));
}

function addSandboxFlags(command: Command): Command {
  return command
    .option("-p, --publish <port>", "[[address:]hostPort:]containerPort[/protocol] (repeatable)", repeated)
    .option("--hostnet", "use the node's network")
    .option("--hostname <name>", "hostname in the pod (default: its name)")
    .option("--dns <address>", "name server (repeatable)", repeated)
    .option("-l, --label <key=value>", "label of pod and container (repeatable)", repeated)
    .option("-r, --runtime <handler>", "runtime handler, as in crun or runc")
    .option("--cgroup-parent <path>", "where the pod's cgroup goes");
}

function addContainerFlags(command: Command): Command {
  return command
    .option("-e, --env <key=value>", "environment (repeatable)", repeated)
    .option("-v, --volume <host:container[:options]>", "mount a host path (repeatable)", repeated)
    .option("-w, --workdir <path>", "working directory")
    .option("-u, --user <user>", "uid, uid:gid or a name that the image knows")
    .option("--entrypoint <program>", "instead of the image's entrypoint")
    .option("--cpus <cores>", "how much CPU it may use, as in 0.5", parseAmount)
    .option("-m, --memory <size>", "how much memory it may use, as in 64m", parseSize)
    .option("--privileged", "all capabilities and host devices")
    .option("--read-only", "root file system read-only")
    .option("--cap-add <capability>", "capability that the container gets (repeatable)", repeated)
    .option("--cap-drop <capability>", "capability that the container does not get (repeatable)", repeated);
}

/** What says whether and how the image is pulled. */
function addImageFlags(command: Command): Command {
  return command.addOption(
    new Option("--pull <when>", "when the image is pulled")
      .choices(["missing", "always", "never"])
      .default("missing"),
  );
}
