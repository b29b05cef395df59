import { Option } from "commander";
import { Fault } from "../base/fault.ts";
import {
  type Container,
  type ContainerStatusResponse,
  ImageSpec,
  type ImageStatusResponse,
  PodSandboxState,
  type PodSandboxStatusResponse,
} from "../wire/gen/runtime.v1.ts";
import type { Define, Runtime } from "./context.ts";
import { type Found, findObject, listObjects } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { infoValues } from "./info-values.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { print } from "./output/print.ts";
import { table } from "./output/table.ts";
import { size, timestamp } from "./output/units.ts";
import { containerStateName } from "./ps.ts";
import { type TimelineStep, timelineTable } from "./timeline.ts";

interface InspectOptions extends OutputOptions {
  readonly type?: "container" | "pod" | "image";
}

/** `berth inspect`: all that the runtime tells of one object, its start's timeline among it. */
export const defineInspect: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows all that the runtime tells of one object. For pods and containers that berth started, the " +
      "times of the start follow, step by step: what berth itself took, and what CNI plugins and the OCI " +
      "runtime took.",
    examples: [
      ["berth inspect web", "A container, with the timeline of its start."],
      ["berth inspect --type pod web", "The pod of that name."],
      ["berth inspect -o json busybox:1.36 | jq .status", "An image, for a script."],
    ],
  });
  addOutput(addConnection(command))
    .argument("<object>", "a container, pod sandbox or image: id, prefix of an id, or name")
    .addOption(
      new Option("--type <type>", "what is meant, where the name could be several").choices([
        "container",
        "pod",
        "image",
      ]),
    )
    .action(async (wanted: string, options: InspectOptions) => {
      const runtime = await context.connect(command);
      const found = options.type === "image" ? undefined : await findUnlessMissing(runtime, wanted, options);
      if (found === undefined) await inspectImage(runtime, wanted, options);
      else if (found.kind === "pod") await inspectPod(runtime, found.id, options);
      else await inspectContainer(runtime, found.container, options);
    });
};

async function findUnlessMissing(
  runtime: Runtime,
  wanted: string,
  options: InspectOptions,
): Promise<Found | undefined> {
  const { pods, containers } = await listObjects(runtime);
  const among = {
    pods: options.type === "container" ? [] : pods,
    containers: options.type === "pod" ? [] : containers,
  };
  try {
    return findObject(among, wanted, options.type === "pod" ? "pod" : "container");
  } catch (error) {
    if (error instanceof Fault && error.kind === "notFound" && options.type === undefined) return undefined;
    throw error;
  }
}

async function inspectContainer(
  runtime: Runtime,
  { id: containerId, podSandboxId }: Container,
  options: InspectOptions,
): Promise<void> {
  const [answer, pod] = await Promise.all([
    runtime.pods.containerStatus({ containerId, verbose: true }),
    runtime.pods.podSandboxStatus({ podSandboxId, verbose: true }),
  ]);
  const info = infoValues(answer.info);
  const timeline = [...timelineOf("pod", infoValues(pod.info)), ...timelineOf("container", info)];
  print(options.output, { ...answer, info }, () => containerText(answer, timeline));
}

function containerText({ status }: ContainerStatusResponse, timeline: readonly TimelineStep[]): string {
  if (status === undefined) return "";
  const ended = status.finishedAt === 0n ? "" : `${status.exitCode} (${status.reason}) ${status.message}`;
  return facts(
    [
      ["container", status.id],
      ["name", status.metadata?.name ?? ""],
      ["image", `${status.image?.userSpecifiedImage || status.image?.image} ${status.imageRef}`],
      ["state", containerStateName(status.state)],
      ["created", timestamp(status.createdAt)],
      ["started", timestamp(status.startedAt)],
      ["finished", timestamp(status.finishedAt)],
      ["exit code", ended],
      ["log", status.logPath],
      ...status.mounts.map((mount): [string, string] => [
        "mount",
        `${mount.hostPath} on ${mount.containerPath}${mount.readonly ? " (read-only)" : ""}`,
      ]),
    ],
    timeline,
  );
}

async function inspectPod(runtime: Runtime, podSandboxId: string, options: InspectOptions): Promise<void> {
  const answer = await runtime.pods.podSandboxStatus({ podSandboxId, verbose: true });
  const info = infoValues(answer.info);
  print(options.output, { ...answer, info }, () => podText(answer, info));
}

function podText({ status }: PodSandboxStatusResponse, info: Record<string, unknown>): string {
  if (status === undefined) return "";
  const more = status.network?.additionalIps.map(({ ip }) => ip) ?? [];
  return facts(
    [
      ["pod", status.id],
      ["name", `${status.metadata?.namespace}/${status.metadata?.name}`],
      ["uid", status.metadata?.uid ?? ""],
      ["attempt", String(status.metadata?.attempt ?? 0)],
      ["state", status.state === PodSandboxState.SANDBOX_READY ? "Ready" : "NotReady"],
      ["created", timestamp(status.createdAt)],
      ["addresses", [status.network?.ip ?? "", ...more].filter((ip) => ip !== "").join(", ")],
      ["runtime", status.runtimeHandler],
    ],
    timelineOf("pod", info),
  );
}

async function inspectImage(runtime: Runtime, wanted: string, options: InspectOptions): Promise<void> {
  const answer = await runtime.images.imageStatus({
    image: ImageSpec.create({ image: wanted }),
    verbose: true,
  });
  if (answer.image === undefined) {
    throw new Fault("notFound", `there is no container, pod or image "${wanted}"`);
  }
  const info = infoValues(answer.info);
  print(options.output, { ...answer, info }, () => imageText(answer));
}

function imageText({ image }: ImageStatusResponse): string {
  if (image === undefined) return "";
  return facts(
    [
      ["image", image.id],
      ...image.repoTags.map((tag): [string, string] => ["tag", tag]),
      ...image.repoDigests.map((digest): [string, string] => ["digest", digest]),
      ["size", size(image.size)],
      ["user", image.uid === undefined ? image.username : String(image.uid.value)],
    ],
    [],
  );
}

/** Name and value in two columns, empty ones left out; then the timeline, where there is one. */
function facts(rows: readonly [string, string][], timeline: readonly TimelineStep[]): string {
  const [first = ["", ""], ...rest] = rows.filter(([, value]) => value.trim() !== "");
  return [table(first, rest), ...(timeline.length === 0 ? [] : [timelineTable(timeline)])].join("\n");
}

/** berth tells it in the value named `info`, other runtimes don't have one. */
function timelineOf(of: TimelineStep["of"], { info }: Record<string, unknown>): TimelineStep[] {
  const timeline =
    typeof info === "object" && info !== null && "timeline" in info ? info.timeline : undefined;
  if (!Array.isArray(timeline)) return [];
  return timeline
    .filter((at) => typeof at?.step === "string" && typeof at?.ms === "number")
    .map(({ step, ms, outside }) => ({ of, step, ms, ...(typeof outside === "number" ? { outside } : {}) }));
}
