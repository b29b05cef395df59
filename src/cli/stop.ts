import { Option } from "commander";
import type { Define, Runtime } from "./context.ts";
import { findObject, listObjects } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, parseDuration } from "./options.ts";

interface StopOptions {
  readonly time: number;
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
      ["berth stop -t 1s $(berth ps -q)", "Stop every container, with a second for each."],
    ],
  });
  addConnection(command)
    .argument("<id...>", "ids, prefixes of ids, or names")
    .addOption(
      new Option("-t, --time <duration>", "how long a container may take before it is killed")
        .argParser(parseDuration)
        .default(10_000, "10s"),
    )
    .action(async (ids: string[], options: StopOptions) => {
      const runtime = await context.connect(command);
      const objects = await listObjects(runtime);
      await forEach(ids, async (id) => {
        const found = findObject(objects, id, "pod");
        if (found.kind === "container") await stopContainer(runtime, found.id, options.time);
        else {
          const inside = objects.containers.filter((container) => container.podSandboxId === found.id);
          await Promise.all(inside.map((container) => stopContainer(runtime, container.id, options.time)));
          await runtime.pods.stopPodSandbox({ podSandboxId: found.id });
        }
        process.stdout.write(`${id}\n`);
      });
    });
};

async function stopContainer(runtime: Runtime, containerId: string, grace: number): Promise<void> {
  await runtime.pods.stopContainer({ containerId, timeout: BigInt(Math.ceil(grace / 1000)) });
}
