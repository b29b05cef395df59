import { Option } from "commander";
import { type Container, ContainerState, ImageSpec, type PodSandbox } from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { findObject, listObjects } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { ImageNames, isMadeFrom } from "./image-names.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { containerDocument } from "./output/cri-documents.ts";
import { facts, mapFacts } from "./output/facts.ts";
import { print } from "./output/print.ts";
import { stateCell } from "./output/state.ts";
import { table } from "./output/table.ts";
import { ago, shortId } from "./output/units.ts";
import { addSelection, asksForNewest, type Selection, select } from "./select.ts";

const states = {
  created: ContainerState.CONTAINER_CREATED,
  running: ContainerState.CONTAINER_RUNNING,
  exited: ContainerState.CONTAINER_EXITED,
  unknown: ContainerState.CONTAINER_UNKNOWN,
} as const;

interface PsOptions extends OutputOptions, Selection {
  readonly all?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly trunc: boolean;
  readonly pod?: string;
  readonly image?: string;
  readonly state?: keyof typeof states;
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
      ["berth ps -s exited --name '^db-'", "Those that have ended and whose name begins with db-."],
      [
        "berth ps --label tier=web -o json | jq -r '.containers[].id'",
        "All that is known of the containers with a label, for a script.",
      ],
    ],
  });
  addOutput(addConnection(command))
    .option("-a, --all", "also those that do not run")
    .option("-q, --quiet", "only print ids")
    .option("-v, --verbose", "show all that the list tells of each")
    .option("--no-trunc", "show ids whole")
    .option("-p, --pod <pod>", "only containers of this pod: id, prefix of an id, or name")
    .option("--image <image>", "only containers that were made from this image")
    .addOption(
      new Option("-s, --state <state>", "only containers in this state").choices(Object.keys(states)),
    )
    // What crictl's users add to see names in the place of ids: here they always do.
    .addOption(new Option("-r, --resolve-image-path").hideHelp());
  addSelection(command, "containers").action(async (options: PsOptions) => {
    const runtime = await context.connect(command);
    const { containers, pods } = await selectContainers(runtime, options);
    if (options.quiet) {
      process.stdout.write(containers.map(({ id }) => `${id}\n`).join(""));
      return;
    }
    const images = options.output === "table" ? await ImageNames.of(runtime, containers) : new ImageNames([]);
    const podsById = new Map(pods.map((pod) => [pod.id, pod]));
    print(options.output, { containers: containers.map(containerDocument) }, () =>
      options.verbose
        ? containers.map((container) => containerFacts(container, podsById, images)).join("\n")
        : containerTable(containers, podsById, images, options),
    );
  });
};

async function selectContainers(
  runtime: Runtime,
  options: PsOptions,
): Promise<{ containers: Container[]; pods: readonly PodSandbox[] }> {
  const { containers, pods } = await listObjects(runtime);
  const { image: wanted } = options;
  const pod =
    options.pod === undefined ? undefined : findObject({ pods, containers: [] }, options.pod, "pod");
  const state = options.state === undefined ? states.running : states[options.state];
  const anyState = asksForNewest(options) || (options.all && options.state === undefined);
  const image =
    wanted === undefined
      ? undefined
      : (await runtime.images.imageStatus({ image: ImageSpec.create({ image: wanted }) })).image;
  const candidates = containers
    .filter((container) => anyState || container.state === state)
    .filter((container) => pod === undefined || container.podSandboxId === pod.id)
    .filter((container) => wanted === undefined || isMadeFrom(container, wanted, image));
  const namespaces = new Map(pods.map(({ id, metadata }) => [id, metadata?.namespace ?? ""]));
  return {
    pods,
    containers: select(candidates, options, ({ podSandboxId }) => namespaces.get(podSandboxId) ?? ""),
  };
}

const stateNames: Readonly<Record<number, string>> = {
  [ContainerState.CONTAINER_CREATED]: "Created",
  [ContainerState.CONTAINER_RUNNING]: "Running",
  [ContainerState.CONTAINER_EXITED]: "Exited",
};

/** A container's state as people read it. */
export function containerStateName(state: ContainerState): string {
  return stateNames[state] ?? "Unknown";
}

type PodsById = ReadonlyMap<string, PodSandbox>;

function containerTable(
  containers: readonly Container[],
  pods: PodsById,
  images: ImageNames,
  { trunc }: PsOptions,
): string {
  const id = (whole: string) => (trunc ? shortId(whole) : whole);
  return table(
    ["CONTAINER", "IMAGE", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD", "NAMESPACE"],
    containers.map((container) => {
      const pod = pods.get(container.podSandboxId)?.metadata;
      return [
        id(container.id),
        images.nameOf(container, !trunc),
        ago(container.createdAt),
        stateCell(containerStateName(container.state)),
        container.metadata?.name ?? "",
        String(container.metadata?.attempt ?? 0),
        id(container.podSandboxId),
        pod?.name ?? "",
        pod?.namespace ?? "",
      ];
    }),
  );
}

function containerFacts(container: Container, pods: PodsById, images: ImageNames): string {
  const pod = pods.get(container.podSandboxId)?.metadata;
  return facts([
    ["container", container.id],
    ["name", container.metadata?.name ?? ""],
    ["attempt", String(container.metadata?.attempt ?? 0)],
    ["pod", container.podSandboxId],
    ["pod name", pod === undefined ? "" : `${pod.namespace}/${pod.name}`],
    ["image", images.nameOf(container, true)],
    ["image id", container.imageId || container.imageRef],
    ["state", containerStateName(container.state)],
    ["created", ago(container.createdAt)],
    ...mapFacts("label", container.labels),
    ...mapFacts("annotation", container.annotations),
  ]);
}
