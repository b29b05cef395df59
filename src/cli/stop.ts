import { type Command, Option } from "commander";
import type { Ms } from "../base/units.ts";
import { ContainerState } from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { type Found, findObject, listObjects, type Objects } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseDuration } from "./options.ts";
import { UsageError } from "./usage-error.ts";

interface StopOptions {
  readonly timeout: Ms;
  readonly time?: Ms;
  readonly all?: boolean;
}

/** `berth stop`: ends containers with their stop signal, or pod sandboxes with all in them. */
export const defineStop: Define = (command, context) => {
  addManual(command, {
    description:
      "Ends containers: each gets its stop signal, and is killed if it is still there when its time is " +
      "over. For a pod, all its containers are stopped and its network is taken down; it can't be " +
      "started again. What `berth run` made is stopped as a whole.",
    examples: [
      ["berth stop web", "Stop what was run under this name."],
      ["berth stop -t 1s --all", "Stop every container, with a second for each."],
    ],
  });
  addTime(addConnection(command))
    .argument("[id...]", "ids, prefixes of ids, or names")
    .option("-a, --all", "every container that runs")
    .action(async (ids: string[], options: StopOptions) => {
      if (ids.length === 0 && !options.all) throw new UsageError("name what to stop, or say --all");
      const runtime = await context.connect(command);
      const objects = await listObjects(runtime);
      const running = objects.containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
      const wanted = options.all ? running.map(({ id }) => id) : ids;
      await forEach(wanted, async (id) => {
        await stop(runtime, findObject(objects, id, "pod"), objects, options.time ?? options.timeout);
        process.stdout.write(`${id}\n`);
      });
    });
};

/** `berth stopp`: crictl's name for the stop of pods. */
export const defineStopp: Define = (command, context) => {
  addManual(command, {
    description:
      "Stops pods: ends their containers and takes their network down. crictl's name for `berth stop` " +
      "where pods are meant.",
    examples: [["berth stopp web", "Stop a pod and all in it."]],
  });
  addTime(addConnection(command))
    .argument("<pod...>", "ids, prefixes of ids, or names")
    .action(async (ids: string[], options: StopOptions) => {
      const runtime = await context.connect(command);
      const objects = await listObjects(runtime);
      await forEach(ids, async (id) => {
        const found = findObject({ ...objects, containers: [] }, id, "pod");
        await stop(runtime, found, objects, options.time ?? options.timeout);
        process.stdout.write(`${id}\n`);
      });
    });
};

function addTime(command: Command): Command {
  return command
    .addOption(
      new Option("-t, --timeout <duration>", "how long a container may take before it is killed")
        .argParser(parseDuration)
        .default(10_000, "10s"),
    )
    .addOption(new Option("--time <duration>", "docker's name of it").argParser(parseDuration).hideHelp());
}

async function stop(runtime: Runtime, found: Found, { containers }: Objects, grace: Ms): Promise<void> {
  if (found.kind === "container") {
    await stopContainer(runtime, found.id, grace);
    return;
  }
  const inside = containers.filter((container) => container.podSandboxId === found.id);
  await Promise.all(inside.map((container) => stopContainer(runtime, container.id, grace)));
  await runtime.pods.stopPodSandbox({ podSandboxId: found.id });
}

async function stopContainer(runtime: Runtime, containerId: string, grace: Ms): Promise<void> {
  await runtime.pods.stopContainer({ containerId, timeout: BigInt(Math.ceil(grace / 1000)) });
}
