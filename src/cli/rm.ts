import type { Command } from "commander";
import { Fault } from "../base/fault.ts";
import { ContainerState, PodSandboxState } from "../wire/gen/runtime.v1.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { type Found, findObject, listObjects, type Objects } from "./find.ts";
import { forEach } from "./for-each.ts";
import { addManual } from "./help/manual.ts";
import { addConnection } from "./options.ts";
import { removePod } from "./remove-pod.ts";
import { UsageError } from "./usage-error.ts";

interface RmOptions {
  readonly force?: boolean;
  readonly all?: boolean;
}

/** `berth rm`: removes containers, or pod sandboxes with all in them. */
export const defineRm: Define = (command, context) => {
  addManual(command, {
    description:
      "Removes containers, or pods with all that is in them. What still runs is refused without --force. " +
      "What `berth run` made is removed as a whole.",
    examples: [
      ["berth rm web", "Remove what was stopped."],
      ["berth rm -f --all", "Remove every pod, running or not."],
    ],
  });
  define(command, context, (objects) => objects);
};

/** `berth rmp`: crictl's name for the removal of pods. */
export const defineRmp: Define = (command, context) => {
  addManual(command, {
    description: "Removes pods with all that is in them: crictl's name for `berth rm` where pods are meant.",
    examples: [["berth rmp -f web", "Remove a pod and its containers, whether or not they run."]],
  });
  define(command, context, ({ pods }) => ({ pods, containers: [] }));
};

/** `among` says what may be named. */
function define(command: Command, context: CommandContext, among: (objects: Objects) => Objects): void {
  addConnection(command)
    .argument("[id...]", "ids, prefixes of ids, or names")
    .option("-f, --force", "also what still runs")
    .option("-a, --all", "every pod there is")
    .action(async (ids: string[], options: RmOptions) => {
      if (ids.length === 0 && !options.all) throw new UsageError("name what to remove, or say --all");
      const runtime = await context.connect(command);
      const objects = await listObjects(runtime);
      const wanted = options.all ? objects.pods.map((pod) => pod.id) : ids;
      await forEach(wanted, async (id) => {
        const found = findObject(among(objects), id, "pod");
        if (!options.force) refuseRunning(found, objects);
        await remove(runtime, found);
        process.stdout.write(`${id}\n`);
      });
    });
}

async function remove(runtime: Runtime, found: Found): Promise<void> {
  if (found.kind === "container") await runtime.pods.removeContainer({ containerId: found.id });
  else await removePod(runtime, found.id);
}

function refuseRunning(found: Found, { containers }: Objects): void {
  const running = (id: string) =>
    containers.some(
      (container) =>
        (container.id === id || container.podSandboxId === id) &&
        container.state === ContainerState.CONTAINER_RUNNING,
    );
  const ready = found.kind === "pod" && found.pod.state === PodSandboxState.SANDBOX_READY;
  if (!running(found.id) && !(ready && containers.every((container) => container.podSandboxId !== found.id)))
    return;
  throw new Fault("wrongState", `${found.kind} ${found.id} is running`, {
    hint: "stop it first, or remove it with --force",
  });
}
