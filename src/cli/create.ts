import { isConfigFile } from "./config-file/read.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { findObject, listObjects } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { addRunFlags, type RunOptions } from "./run-options.ts";
import { createContainer, ensureImage, makePod, planFromFiles, planFromFlags } from "./run-pod.ts";

/** `berth create`: as `berth run`, but the container is not started; or a container in a pod that is there. */
export const defineCreate: Define = (command, context) => {
  addManual(command, {
    description:
      "Creates a container and prints its id; `berth start` starts it. There are two forms.\n\n" +
      "With an image, the command makes a pod with one container in it, and takes the same flags as " +
      "`berth run`.\n\n" +
      "With a pod and two files, as crictl takes them, it creates a container in a pod that is there: " +
      "`berth create POD container-config.json pod-config.json`. The files are JSON or YAML: a " +
      "ContainerConfig of the CRI, and the PodSandboxConfig that the pod was made with (`berth runp`).",
    examples: [
      ["berth create --name web -p 8080:80 docker.io/library/nginx:1.27", "A pod whose container waits."],
      ["berth start web", "Start it."],
      ["berth create web container-config.json pod-config.json", "One more container in a pod."],
    ],
  });
  addConnection(command)
    .argument("<image>", "as in docker.io/library/busybox:1.36; or a pod: id, prefix of an id, or name")
    .argument("[command...]", "instead of the image's command; or the files of a container and its pod")
    .passThroughOptions();
  addRunFlags(command).action(async (image: string, args: string[], options: RunOptions) => {
    const runtime = await context.connect(command);
    const [containerFile, podFile] = args;
    const isInPod = args.length === 2 && isConfigFile(containerFile) && isConfigFile(podFile);
    const id = isInPod
      ? await createInPod(runtime, image, [containerFile, podFile], options, context)
      : await createPod(runtime, [image, ...args], options, context);
    process.stdout.write(`${id}\n`);
  });
};

async function createInPod(
  runtime: Runtime,
  pod: string,
  [containerFile, podFile]: readonly [string, string],
  options: RunOptions,
  context: CommandContext,
): Promise<string> {
  const plan = await planFromFiles(containerFile, podFile);
  const { id } = findObject({ ...(await listObjects(runtime)), containers: [] }, pod, "pod");
  const interrupted = context.interrupted();
  await ensureImage(runtime, plan.container.image?.image ?? "", { options, interrupted });
  return createContainer(runtime, id, plan);
}

async function createPod(
  runtime: Runtime,
  [image = "", ...args]: readonly string[],
  options: RunOptions,
  context: CommandContext,
): Promise<string> {
  const plan = await planFromFlags(runtime, image, args, options);
  const how = { options, start: false, interrupted: context.interrupted() };
  return (await makePod(runtime, plan, how)).containerId;
}
