import { Option } from "commander";
import { type PodSandbox, PodSandboxState } from "../wire/gen/runtime.v1.ts";
import type { Define } from "./context.ts";
import { addManual } from "./help/manual.ts";
import { addConnection, addOutput, type OutputOptions, pairs, repeated } from "./options.ts";
import { print } from "./output/print.ts";
import { stateCell } from "./output/state.ts";
import { table } from "./output/table.ts";
import { ago, shortId } from "./output/units.ts";

interface PodsOptions extends OutputOptions {
  readonly quiet?: boolean;
  readonly state?: "ready" | "notready";
  readonly name?: string;
  readonly namespace?: string;
  readonly label?: string[];
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
    ],
  });
  addOutput(addConnection(command))
    .option("-q, --quiet", "only print ids")
    .addOption(new Option("-s, --state <state>", "only pods in this state").choices(["ready", "notready"]))
    .option("--name <name>", "only pods of this name")
    .option("--namespace <namespace>", "only pods of this namespace")
    .option("--label <key=value>", "only pods with this label (repeatable)", repeated)
    .action(async (options: PodsOptions) => {
      const runtime = await context.connect(command);
      const state = { ready: PodSandboxState.SANDBOX_READY, notready: PodSandboxState.SANDBOX_NOTREADY };
      const { items } = await runtime.pods.listPodSandbox({
        filter: {
          id: "",
          labelSelector: pairs(options.label),
          state: options.state === undefined ? undefined : { state: state[options.state] },
        },
      });
      const shown = items
        .filter((pod) => options.name === undefined || pod.metadata?.name === options.name)
        .filter((pod) => options.namespace === undefined || pod.metadata?.namespace === options.namespace)
        .sort((one, other) => Number(other.createdAt - one.createdAt));
      if (options.quiet) process.stdout.write(shown.map((pod) => `${pod.id}\n`).join(""));
      else print(options.output, { items: shown }, () => podTable(shown));
    });
};

function podTable(pods: readonly PodSandbox[]): string {
  return table(
    ["POD", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "RUNTIME"],
    pods.map((pod) => [
      shortId(pod.id),
      ago(pod.createdAt),
      stateCell(pod.state === PodSandboxState.SANDBOX_READY ? "Ready" : "NotReady"),
      pod.metadata?.name ?? "",
      pod.metadata?.namespace ?? "",
      String(pod.metadata?.attempt ?? 0),
      pod.runtimeHandler === "" ? "(default)" : pod.runtimeHandler,
    ]),
  );
}
