import { Option } from "commander";
import { type PodSandbox, PodSandboxState } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions } from "./options.ts";
import { podSandboxDocument } from "./output/cri-documents.ts";
import { facts, mapFacts } from "./output/facts.ts";
import { print } from "./output/print.ts";
import { stateCell } from "./output/state.ts";
import { table } from "./output/table.ts";
import { ago, shortId, timestamp } from "./output/units.ts";
import { addSelection, asksForNewest, type Selection, select } from "./select.ts";

const states = { ready: PodSandboxState.SANDBOX_READY, notready: PodSandboxState.SANDBOX_NOTREADY } as const;

interface PodsOptions extends OutputOptions, Selection {
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly trunc: boolean;
  readonly state?: keyof typeof states;
}

/** `berth pods`: the pod sandboxes, newest first. */
export const definePods: Define = (command, context) => {
  addManual(command, {
    description:
      "Lists pod sandboxes, newest first. A pod is ready while its namespaces and network are up, " +
      "whether or not containers run in it.",
    examples: [
      ["berth pods -s notready", "Pods that have been stopped, or did not come up."],
      ["berth pods --namespace kube-system -q", "The ids of the pods of one Kubernetes namespace."],
      ["berth pods -o json | jq -r '.items[].metadata.name'", "For a script."],
    ],
  });
  addOutput(addConnection(command))
    .option("-q, --quiet", "only print ids")
    .option("-v, --verbose", "show all that the list tells of each")
    .option("--no-trunc", "show ids whole")
    .addOption(new Option("-s, --state <state>", "only pods in this state").choices(Object.keys(states)));
  addSelection(command, "pods").action(async (options: PodsOptions) => {
    const runtime = await context.connect(command);
    const { items } = await runtime.pods.listPodSandbox({});
    const state = options.state === undefined || asksForNewest(options) ? undefined : states[options.state];
    const candidates = items.filter((pod) => state === undefined || pod.state === state);
    const shown = select(candidates, options, ({ metadata }) => metadata?.namespace ?? "");
    if (options.quiet) process.stdout.write(shown.map(({ id }) => `${id}\n`).join(""));
    else {
      print(options.output, { items: shown.map(podSandboxDocument) }, () =>
        options.verbose ? shown.map(podFacts).join("\n") : podTable(shown, options),
      );
    }
  });
};

/** A pod's state as people read it. */
export function podStateName(state: PodSandboxState): string {
  return state === PodSandboxState.SANDBOX_READY ? "Ready" : "NotReady";
}

function podTable(pods: readonly PodSandbox[], { trunc }: PodsOptions): string {
  return table(
    ["POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"],
    pods.map((pod) => [
      trunc ? shortId(pod.id) : pod.id,
      ago(pod.createdAt),
      stateCell(podStateName(pod.state)),
      pod.metadata?.name ?? "",
      pod.metadata?.namespace ?? "",
      String(pod.metadata?.attempt ?? 0),
      pod.runtimeHandler === "" ? "(default)" : pod.runtimeHandler,
    ]),
  );
}

function podFacts(pod: PodSandbox): string {
  return facts([
    ["pod", pod.id],
    ["name", pod.metadata?.name ?? ""],
    ["namespace", pod.metadata?.namespace ?? ""],
    ["uid", pod.metadata?.uid ?? ""],
    ["attempt", String(pod.metadata?.attempt ?? 0)],
    ["state", podStateName(pod.state)],
    ["created", timestamp(pod.createdAt)],
    ["runtime", pod.runtimeHandler === "" ? "(default)" : pod.runtimeHandler],
    ...mapFacts("label", pod.labels),
    ...mapFacts("annotation", pod.annotations),
  ]);
}
