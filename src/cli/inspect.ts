import { type Command, Option } from "commander";
import { Fault } from "../base/fault.ts";
import { type Container, ImageSpec } from "../wire/gen/runtime.v1.ts";
import type { CommandContext, Define, Runtime } from "./context.ts";
import { type Found, findObject, listObjects } from "./find.ts";
import { addManual } from "./help/manual.ts";
import { imageFacts } from "./images.ts";
import { infoValues } from "./info-values.ts";
import { containerText, podText, timelineOf } from "./inspect-text.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { containerStatusDocument, podSandboxStatusDocument } from "./output/cri-documents.ts";
import { print } from "./output/print.ts";

type Kind = "container" | "pod" | "image";

interface InspectOptions extends OutputOptions {
  readonly type?: Kind;
  readonly quiet?: boolean;
}

/** One object: its document for scripts, and its text for people. */
interface Inspected {
  readonly document: object;
  text(): string;
}

/** `berth inspect`: all that the runtime tells of objects, the timeline of their start among it. */
export const defineInspect: Define = (command, context) => {
  addManual(command, {
    description:
      "Shows all that the runtime tells of an object. For pods and containers that berth started, the " +
      "times of the start follow, step by step: what berth itself took, and what CNI plugins and the OCI " +
      "runtime took.\n\n" +
      "JSON and YAML have what crictl's have: .status, and beside it the values that the runtime adds, as " +
      "in .info.pid. Several objects make a list.",
    examples: [
      ["berth inspect web", "A container, with the timeline of its start."],
      ["berth inspect --type pod web", "The pod of that name."],
      ["berth inspect -o json busybox:1.36 | jq .status", "An image, for a script."],
    ],
  });
  addOutput(addConnection(command))
    .argument("<object...>", "containers, pod sandboxes or images: ids, prefixes of ids, or names")
    .option("-q, --quiet", "only the status")
    .addOption(
      new Option("--type <type>", "what is meant, where the name could be several").choices([
        "container",
        "pod",
        "image",
      ]),
    )
    .action((wanted: string[], options: InspectOptions) => inspectAll(command, context, wanted, options));
};

/** `berth inspectp` and `berth inspecti`: crictl's names for one kind of object. */
export function defineInspectOf(kind: "pod" | "image"): Define {
  const [what, example] = kind === "pod" ? ["pod sandboxes", "web"] : ["images", "busybox:1.36"];
  return (command, context) => {
    addManual(command, {
      description: `Shows all that the runtime tells of ${what}: crictl's name for \`berth inspect --type ${kind}\`.`,
      examples: [[`berth ${command.name()} -o json ${example} | jq .status`, "For a script."]],
    });
    addOutput(addConnection(command))
      .argument(`<${kind}...>`, `${what}: ids, prefixes of ids, or names`)
      .option("-q, --quiet", "only the status")
      .action((wanted: string[], options: InspectOptions) =>
        inspectAll(command, context, wanted, { ...options, type: kind }),
      );
  };
}

async function inspectAll(
  command: Command,
  context: CommandContext,
  wanted: readonly string[],
  options: InspectOptions,
): Promise<void> {
  const runtime = await context.connect(command);
  const inspected: Inspected[] = [];
  for (const name of wanted) inspected.push(await inspect(runtime, name, options));
  const documents = inspected.map(({ document }) => document);
  print(options.output, documents.length === 1 ? documents[0] : documents, () =>
    inspected.map((one) => one.text()).join("\n"),
  );
}

async function inspect(runtime: Runtime, wanted: string, options: InspectOptions): Promise<Inspected> {
  const found = options.type === "image" ? undefined : await findUnlessMissing(runtime, wanted, options);
  const verbose = !options.quiet;
  if (found === undefined) return inspectImage(runtime, wanted, verbose, options.type);
  return found.kind === "pod"
    ? inspectPod(runtime, found.id, verbose)
    : inspectContainer(runtime, found.container, verbose);
}

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
  verbose: boolean,
): Promise<Inspected> {
  const [answer, pod] = await Promise.all([
    runtime.pods.containerStatus({ containerId, verbose }),
    runtime.pods.podSandboxStatus({ podSandboxId, verbose }),
  ]);
  const info = infoValues(answer.info);
  const status = answer.status && containerStatusDocument(answer.status);
  return {
    document: { status, ...info },
    text: () =>
      containerText(answer, pod, info, [
        ...timelineOf("pod", infoValues(pod.info)),
        ...timelineOf("container", info),
      ]),
  };
}

async function inspectPod(runtime: Runtime, podSandboxId: string, verbose: boolean): Promise<Inspected> {
  const answer = await runtime.pods.podSandboxStatus({ podSandboxId, verbose });
  const info = infoValues(answer.info);
  const status = answer.status && podSandboxStatusDocument(answer.status);
  return { document: { status, ...info }, text: () => podText(answer, info, timelineOf("pod", info)) };
}

async function inspectImage(
  runtime: Runtime,
  wanted: string,
  verbose: boolean,
  type: Kind | undefined,
): Promise<Inspected> {
  const { image, info } = await runtime.images.imageStatus({
    image: ImageSpec.create({ image: wanted }),
    verbose,
  });
  if (image === undefined) {
    const what = type === "image" ? "image" : "container, pod or image";
    throw new Fault("notFound", `there is no ${what} "${wanted}"`, {
      hint: `\`berth ${type === "image" ? "images" : "ps -a"}\` lists what there is`,
    });
  }
  return { document: { status: image, ...infoValues(info) }, text: () => imageFacts(image) };
}
