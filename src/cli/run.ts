import { isConfigFile } from "./config-file/read.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { programExits } from "./exit-codes.ts";
import { followLog, showLine, statusOf } from "./follow-log.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { removePod } from "./remove-pod.ts";
import { addRunFlags, type RunOptions } from "./run-options.ts";
import { type MadePod, makePod, planFromFiles, planFromFlags } from "./run-pod.ts";
import { UsageError } from "./usage-error.ts";

interface RunCommandOptions extends RunOptions {
  readonly detach?: boolean;
  readonly rm?: boolean;
}

/** `berth run`: a pod with one container, pulling the image if it is missing. */
export const defineRun: Define = (command, context) => {
  addManual(command, {
    description:
      "Makes a pod with one container in it and starts the container, pulling its image if it is " +
      "missing. Without --detach the container's output is shown until it ends, and an interrupt " +
      "(Ctrl-C) stops it. What the flags mean is what docker's flags of the same names mean.\n\n" +
      "Two files in the place of image and command are a container's and a pod's configuration (JSON or " +
      "YAML), as `crictl run` takes them. The container's id is printed then, as with --detach.",
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
      ["berth run container-config.json pod-config.json", "From configuration files, as with crictl."],
    ],
    exits: programExits,
    files: [["/var/log/berth/UID/NAME.log", "The log of the container; UID is the pod's."]],
  });
  addConnection(command)
    .argument("<image>", "as in docker.io/library/busybox:1.36; or the configuration file of a container")
    .argument("[command...]", "instead of the image's command; or the configuration file of a pod")
    .passThroughOptions()
    .option("-d, --detach", "print the container's id and return at once")
    .option("--rm", "remove the pod when the container has ended");
  addRunFlags(command).action(async (image: string, args: string[], options: RunCommandOptions) => {
    if (options.detach && options.rm) {
      throw new UsageError("--rm needs the command to stay: leave --detach out");
    }
    await run(await context.connect(command), [image, ...args], options, context);
  });
};

async function run(
  runtime: Runtime,
  [image = "", ...args]: readonly string[],
  options: RunCommandOptions,
  context: CommandContext,
): Promise<void> {
  const [podFile] = args;
  const isFromFiles = args.length === 1 && isConfigFile(image) && isConfigFile(podFile);
  const plan = isFromFiles
    ? await planFromFiles(image, podFile)
    : await planFromFlags(runtime, image, args, options);
  const interrupted = context.interrupted();
  const made = await makePod(runtime, plan, { options, start: true, interrupted });
  if (options.detach || isFromFiles) {
    process.stdout.write(`${made.containerId}\n`);
    return;
  }
  context.exitWith(await attend(runtime, made, interrupted));
  if (options.rm) await removePod(runtime, made.podId);
}

/** Shows the container's log until it ends; an interrupt stops it. @returns its exit code */
async function attend(
  runtime: Runtime,
  { containerId, logPath }: MadePod,
  interrupted: AbortSignal,
): Promise<number> {
  const stop = () => void runtime.pods.stopContainer({ containerId, timeout: 10n }).catch(() => undefined);
  interrupted.addEventListener("abort", stop);
  if (interrupted.aborted) stop();
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
