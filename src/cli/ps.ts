import { type Container, ContainerState } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { findObject, listObjects } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions, pairs, repeated } from "./options.ts";
import { print } from "./output/print.ts";
import { stateCell } from "./output/state.ts";
import { table } from "./output/table.ts";
import { ago, shortId } from "./output/units.ts";

interface PsOptions extends OutputOptions {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly pod?: string;
  readonly name?: string;
  readonly label?: string[];
}

/** `berth ps`: the running containers, or all of them, newest first. */
export const definePs: Define = (command, context) => {
  addManual(command, {
    description:
      "Lists containers, newest first: those that run, or with --all also those that were created or " +
      "have ended. The filters leave only what all of them fit.",
    examples: [
      ["berth ps -a", "Also those that do not run."],
      ["berth ps -q --pod web", "The ids of the containers of one pod."],
      [
        "berth ps --label tier=web -o json",
        "All that is known of the containers with a label, for a script.",
      ],
    ],
  });
  addOutput(addConnection(command))
    .option("-a, --all", "also those that do not run")
    .option("-q, --quiet", "only print ids")
    .option("-p, --pod <pod>", "only containers of this pod")
    .option("--name <name>", "only containers of this name")
    .option("--label <key=value>", "only containers with this label (repeatable)", repeated)
    .action(async (options: PsOptions) => {
      const runtime = await context.connect(command);
      const objects = await listObjects(runtime);
      const pod =
        options.pod === undefined
          ? undefined
          : findObject({ ...objects, containers: [] }, options.pod, "pod");
      const labels = Object.entries(pairs(options.label));
      const shown = objects.containers
        .filter((container) => options.all || container.state === ContainerState.CONTAINER_RUNNING)
        .filter((container) => pod === undefined || container.podSandboxId === pod.id)
        .filter((container) => options.name === undefined || container.metadata?.name === options.name)
        .filter((container) => labels.every(([key, value]) => container.labels[key] === value))
        .sort((one, other) => Number(other.createdAt - one.createdAt));
      if (options.quiet) process.stdout.write(shown.map((container) => `${container.id}\n`).join(""));
      else {
        const podNames = new Map(objects.pods.map(({ id, metadata }) => [id, metadata?.name ?? ""]));
        print(options.output, { containers: shown }, () => containerTable(shown, podNames));
      }
    });
};

const stateNames: Readonly<Record<number, string>> = {
  [ContainerState.CONTAINER_CREATED]: "Created",
  [ContainerState.CONTAINER_RUNNING]: "Running",
  [ContainerState.CONTAINER_EXITED]: "Exited",
};

/** A container's state as people read it. */
export function containerStateName(state: ContainerState): string {
  return stateNames[state] ?? "Unknown";
}

function containerTable(containers: readonly Container[], podNames: ReadonlyMap<string, string>): string {
  return table(
    ["CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD", "POD NAME"],
    containers.map((container) => [
      shortId(container.id),
      container.image?.userSpecifiedImage || shortId(container.image?.image ?? ""),
      ago(container.createdAt),
      stateCell(containerStateName(container.state)),
      container.metadata?.name ?? "",
      String(container.metadata?.attempt ?? 0),
      shortId(container.podSandboxId),
      podNames.get(container.podSandboxId) ?? "",
    ]),
  );
}
