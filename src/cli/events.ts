import { InvalidArgumentError, Option } from "commander";
import {
  type ContainerEventResponse,
  ContainerEventType,
  type ContainerStatus,
} from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { explainMissing } from "./missing-call.ts";
import { addConnection, addOutput, type OutputOptions, pairs, repeated } from "./options.ts";
import { eventDocument } from "./output/cri-documents.ts";
import { documentOf } from "./output/print.ts";
import { printable } from "./output/table.ts";
import { paint, type Style, terminalOf } from "./output/terminal.ts";
import { shortId, timestamp } from "./output/units.ts";
import { parsePattern } from "./select.ts";

const types = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
} as const;

type TypeName = keyof typeof types;

interface EventsOptions extends OutputOptions {
  readonly type?: TypeName[];
  readonly id?: string;
  readonly name?: RegExp;
  readonly pod?: RegExp;
  readonly namespace?: RegExp;
  readonly label?: string[];
}

/** `berth events`: what happens to pods and containers, as it happens. */
export const defineEvents: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows what happens to pods and containers from now on, as a kubelet is told of it: created, " +
      "started, stopped, deleted; a line for each until Ctrl-C. With -o json each line is one object, " +
      "with the status of the pod and of its containers in it. The filters leave only what all of them " +
      "fit.",
    examples: [
      ["berth events", "Watch them all."],
      ["berth events --type stopped --namespace '^default$'", "What ends in one Kubernetes namespace."],
      ["berth events -o json | jq -r '.containerId'", "For a script."],
    ],
  });
  addOutput(addConnection(command))
    .addOption(
      new Option("--type <type>", "only events of this type (repeatable)")
        .choices(Object.keys(types))
        .argParser(parseType),
    )
    .option("--id <id>", "only of what has an id that begins so")
    .option("--name <pattern>", "only of containers whose name fits this regular expression", parsePattern)
    .option("--pod <pattern>", "only of pods whose name fits it, and what is in them", parsePattern)
    .option("--namespace <pattern>", "only in Kubernetes namespaces that fit it", parsePattern)
    .option("--label <key=value>", "only of pods with this label, and what is in them (repeatable)", repeated)
    .action(async (options: EventsOptions) => {
      const runtime = await context.connect(command);
      // The last event of a container tells its name no more.
      const names = new Map<string, string>();
      for await (const event of eventsOf(runtime, context.interrupted())) {
        for (const { id, metadata } of event.containersStatuses) names.set(id, metadata?.name ?? "");
        const name = names.get(event.containerId);
        if (event.containerEventType === types.deleted) names.delete(event.containerId);
        if (isWanted(event, name, options)) process.stdout.write(shown(event, name, options));
      }
    });
};

/** Adds one to those before it. @throws {InvalidArgumentError} */
function parseType(value: string, before: readonly TypeName[] = []): TypeName[] {
  const type = (Object.keys(types) as TypeName[]).find((name) => name === value);
  if (type === undefined) throw new InvalidArgumentError(`there are ${Object.keys(types).join(", ")}`);
  return [...before, type];
}

/** Until `interrupted`. */
async function* eventsOf(runtime: Runtime, interrupted: AbortSignal): AsyncGenerator<ContainerEventResponse> {
  try {
    yield* runtime.pods.getContainerEvents({}, { signal: interrupted });
  } catch (error) {
    if (interrupted.aborted) return;
    throw explainMissing(
      error,
      runtime,
      "GetContainerEvents",
      "events need containerd 1.7, CRI-O 1.26 or berth",
    );
  }
}

/** `container` is the name of the container that it is about. */
function isWanted(
  event: ContainerEventResponse,
  container: string | undefined,
  options: EventsOptions,
): boolean {
  const { id, name, pod, namespace, label, type } = options;
  const status = event.podSandboxStatus;
  const metadata = status?.metadata;
  if (type !== undefined && !type.some((wanted) => types[wanted] === event.containerEventType)) return false;
  if (id !== undefined && !event.containerId.startsWith(id)) return false;
  if (name !== undefined && !name.test(container ?? "")) return false;
  if (pod !== undefined && !pod.test(metadata?.name ?? "")) return false;
  if (namespace !== undefined && !namespace.test(metadata?.namespace ?? "")) return false;
  return Object.entries(pairs(label)).every(([key, value]) => status?.labels[key] === value);
}

function containerIn(event: ContainerEventResponse): ContainerStatus | undefined {
  return event.containersStatuses.find(({ id }) => id === event.containerId);
}

function shown(
  event: ContainerEventResponse,
  container: string | undefined,
  { output }: EventsOptions,
): string {
  if (output === "table") return line(event, container);
  const document = eventDocument(event);
  return output === "json" ? `${documentOf("json", document, 0)}` : `---\n${documentOf("yaml", document)}`;
}

const styles: Readonly<Record<TypeName, Style>> = {
  created: "cyan",
  started: "green",
  stopped: "yellow",
  deleted: "dim",
};

/** Time, what happened, to what, where; for an end, how. */
function line(event: ContainerEventResponse, name: string | undefined): string {
  const { containerId, containerEventType, createdAt, podSandboxStatus: pod } = event;
  const type = (Object.keys(types) as TypeName[]).find((name) => types[name] === containerEventType);
  const word = (type ?? "unknown").padEnd(7);
  const container = containerIn(event);
  const isPod = name === undefined && (pod === undefined || pod.id === containerId);
  const place = pod === undefined ? "" : `${pod.metadata?.namespace}/${pod.metadata?.name}`;
  const isEnd = container !== undefined && type === "stopped";
  const texts = [
    timestamp(createdAt),
    type === undefined ? word : paint(styles[type], word, terminalOf(process.stdout)),
    isPod ? "pod      " : "container",
    shortId(containerId),
    printable(name === undefined ? place : `${place}/${name}`),
    ...(isEnd ? [printable(`exit code ${container.exitCode} (${container.reason})`)] : []),
  ];
  return `${texts.join("  ").trimEnd()}\n`;
}
