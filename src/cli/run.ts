import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { type Command, Option } from "commander";
import { during, Fault } from "../base/fault.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { programExits } from "./exit-codes.ts";
import { followLog, showLine, statusOf } from "./follow-log.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseAmount, parseSize, repeated } from "./options.ts";
import { shortId } from "./output/units.ts";
import { authFrom, hasImage, pullImage } from "./pull-image.ts";
import { removePod } from "./remove-pod.ts";
import { containerConfig, nameFor, podConfig, type RunFlags } from "./run-config.ts";
import { UsageError } from "./usage-error.ts";

interface RunOptions extends RunFlags {
  readonly name?: string;
  readonly detach?: boolean;
  readonly rm?: boolean;
  readonly pull: "missing" | "always" | "never";
  readonly runtime?: string;
  readonly creds?: string;
}

/** What `berth run` made. */
interface Started {
  readonly podId: string;
  readonly containerId: string;
  readonly logPath: string;
}

/** `berth run`: a pod with one container, pulling the image if it is missing. */
export const defineRun: Define = (command, context) => {
  addManual(command, {
    description:
      "Makes a pod with one container in it and starts the container, pulling its image if it is " +
      "missing. Without --detach the container's output is shown until it ends, and an interrupt " +
      "(Ctrl-C) stops it. What the flags mean is what docker's flags of the same names mean.",
    examples: [
      [
        "berth run -d --name web -p 8080:80 docker.io/library/nginx:1.27",
        "A web server in the background, on port 8080 of the node.",
      ],
      ["berth run --rm docker.io/library/busybox:1.36 echo hello", "A program to its end; nothing stays."],
      [
        "berth run --rm -v /srv/data:/data:ro -m 64m --cpus 0.5 docker.io/library/busybox:1.36 ls /data",
        "With a directory of the node and limits.",
      ],
    ],
    exits: programExits,
    files: [["/var/log/berth/UID/NAME.log", "The log of the container; UID is the pod's."]],
  });
  addConnection(command)
    .argument("<image>", "as in docker.io/library/busybox:1.36")
    .argument("[command...]", "instead of the image's command")
    .passThroughOptions()
    .option("--name <name>", "name of the pod and its container (default: made from the image's)")
    .option("-d, --detach", "print the container's id and return at once")
    .option("--rm", "remove the pod when the container has ended");
  addSandboxFlags(command);
  addContainerFlags(command).action(async (image: string, args: string[], options: RunOptions) => {
    if (options.detach && options.rm)
      throw new UsageError("--rm needs the command to stay: leave --detach out");
    await run(await context.connect(command), image, args, options, context);
  });
};

function addSandboxFlags(command: Command): Command {
  return command
    .option("-p, --publish <port>", "[[address:]hostPort:]containerPort[/protocol] (repeatable)", repeated)
    .option("--hostnet", "use the node's network")
    .option("--hostname <name>", "hostname in the pod (default: its name)")
    .option("--dns <address>", "name server (repeatable)", repeated)
    .option("--label <key=value>", "label of pod and container (repeatable)", repeated)
    .option("--runtime <handler>", "runtime handler, as in crun or runc")
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
    .option("--cap-drop <capability>", "capability that the container does not get (repeatable)", repeated)
    .option("--creds <user:password>", "for the registry")
    .addOption(
      new Option("--pull <when>", "when the image is pulled")
        .choices(["missing", "always", "never"])
        .default("missing"),
    );
}

async function run(
  runtime: Runtime,
  image: string,
  args: readonly string[],
  options: RunOptions,
  context: CommandContext,
): Promise<void> {
  const uid = randomUUID();
  const name = options.name ?? nameFor(image, uid);
  await refuseTakenName(runtime, name);
  await ensureImage(runtime, image, options);
  const started = await start(runtime, image, args, { ...options, name }, uid);
  if (options.detach) {
    process.stdout.write(`${started.containerId}\n`);
    return;
  }
  context.exitWith(await attend(runtime, started, context.interrupted()));
  if (options.rm) await removePod(runtime, started.podId);
}

async function refuseTakenName(runtime: Runtime, name: string): Promise<void> {
  const { items } = await runtime.pods.listPodSandbox({});
  const other = items.find((pod) => pod.metadata?.name === name && pod.metadata.namespace === "default");
  if (other === undefined) return;
  throw new Fault("alreadyExists", `there is a pod "${name}" already: ${shortId(other.id)}`, {
    hint: `remove it with \`berth rm -f ${name}\`, or choose another --name`,
  });
}

async function ensureImage(runtime: Runtime, image: string, options: RunOptions): Promise<void> {
  if (options.pull !== "always" && (await hasImage(runtime, image))) return;
  if (options.pull === "never")
    throw new Fault("notFound", `image ${image} is not on this node, and --pull is never`);
  process.stderr.write(`pulling ${image}\n`);
  await pullImage(runtime, image, authFrom(options.creds, undefined));
}

/** Makes the pod and starts its container; takes the pod away again when that fails. */
async function start(
  runtime: Runtime,
  image: string,
  args: readonly string[],
  options: RunOptions & { name: string },
  uid: string,
): Promise<Started> {
  const sandboxConfig = podConfig(options.name, uid, options);
  const config = containerConfig({ name: options.name, uid }, image, args, options);
  await mkdir(sandboxConfig.logDirectory, { recursive: true, mode: 0o755 });
  const { podSandboxId } = await runtime.pods
    .runPodSandbox({ config: sandboxConfig, runtimeHandler: options.runtime ?? "" })
    .catch((error) => {
      throw during(`running pod ${options.name}`, error);
    });
  try {
    const { containerId } = await runtime.pods
      .createContainer({ podSandboxId, config, sandboxConfig })
      .catch((error) => {
        throw during(`creating container ${options.name}`, error);
      });
    await runtime.pods.startContainer({ containerId }).catch((error) => {
      throw during(`starting container ${options.name}`, error);
    });
    return { podId: podSandboxId, containerId, logPath: `${sandboxConfig.logDirectory}/${config.logPath}` };
  } catch (error) {
    await removePod(runtime, podSandboxId);
    throw error;
  }
}

/** Shows the container's log until it ends; an interrupt stops it. @returns its exit code */
async function attend(
  runtime: Runtime,
  { containerId, logPath }: Started,
  interrupted: AbortSignal,
): Promise<number> {
  const stop = () => void runtime.pods.stopContainer({ containerId, timeout: 10n }).catch(() => undefined);
  interrupted.addEventListener("abort", stop);
  try {
    const never = new AbortController();
    for await (const line of followLog(runtime, containerId, logPath, never.signal)) showLine(line, false);
    const status = await statusOf(runtime, containerId);
    if (status !== undefined && status.reason !== "Completed" && status.reason !== "Error") {
      process.stderr.write(`berth: the container ended: ${status.reason} ${status.message}\n`);
    }
    return status?.exitCode ?? 1;
  } finally {
    interrupted.removeEventListener("abort", stop);
  }
}
