import type { Define, Runtime } from "./context.ts";
import { findObject, listObjects } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addConnection, parseDuration } from "./options.ts";

interface StopOptions {
  readonly time: number;
}

/** `berth stop`: ends containers with their stop signal, or pod sandboxes with all in them. */
export const defineStop: Define = (command, context) => {
  addConnection(command)
    .argument("<id...>", "ids, prefixes of ids, or names")
    .option(
      "-t, --time <duration>",
      "how long a container may take before it is killed",
      parseDuration,
      10_000,
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
