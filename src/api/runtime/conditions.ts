import { describeFault } from "../../base/fault.ts";
import type { FileSystemState } from "../../linux/file-system-state.ts";
import { troubleOf } from "../../linux/remedy.ts";
import type { RuntimeCondition } from "../../wire/gen/runtime.v1.ts";
import type { ApiNode } from "../parts.ts";

/** Why pods can't run here: the reason in a word, and what is wrong. */
interface Obstacle {
  readonly reason: string;
  readonly message: string;
}

/** What the kubelet goes by: without RuntimeReady it gives the node no pods, without NetworkReady none with a network. */
export function conditionsOf(
  node: Pick<ApiNode, "runtime" | "storage">,
  problems: { readonly network: string | undefined; readonly streams: string | undefined },
): RuntimeCondition[] {
  const { network, streams } = problems;
  return [
    condition("RuntimeReady", runtimeObstacle(node)),
    condition(
      "NetworkReady",
      network === undefined ? undefined : { reason: "NetworkPluginNotReady", message: network },
    ),
    // Only while something is wrong: a kubelet that does not know them passes them over.
    ...unlessWell("StorageReady", storageObstacle(node.storage.fileSystems())),
    ...unlessWell(
      "StreamsReady",
      streams === undefined ? undefined : { reason: "BadCertificate", message: streams },
    ),
  ];
}

function condition(type: string, obstacle: Obstacle | undefined): RuntimeCondition {
  return { type, status: obstacle === undefined, reason: "", message: "", ...obstacle };
}

function unlessWell(type: string, obstacle: Obstacle | undefined): RuntimeCondition[] {
  return obstacle === undefined ? [] : [condition(type, obstacle)];
}

function runtimeObstacle({ runtime, storage }: Pick<ApiNode, "runtime" | "storage">): Obstacle | undefined {
  const problem = defaultProblem(runtime);
  if (problem !== undefined) return { reason: "NoWorkingRuntime", message: problem };
  const { handler } = runtime.resolveHandler("");
  const [missing] = runtime.missingPrograms(handler);
  if (missing !== undefined)
    return { reason: "NoWorkingRuntime", message: `${missing} is not there any more: install it again` };
  const frozen = [...storage.fileSystems()].find(([name, { isReadOnly }]) => isReadOnly && isOwn(name));
  if (frozen !== undefined) {
    const [name, state] = frozen;
    return { reason: "ReadOnlyFileSystem", message: `${name}: ${troubleOf(state)}` };
  }
  const problemOfRecords = storage.databaseProblem();
  if (problemOfRecords !== undefined)
    return { reason: "DatabaseNotWritable", message: describeFault(problemOfRecords) };
  const { snapshotters } = storage;
  const name = snapshotters.nameFor(handler);
  const why = snapshotters.probes().find((probe) => probe.name === name)?.problem;
  if (why === undefined) return undefined;
  return { reason: "SnapshotterNotReady", message: `the snapshotter ${name} can't work here: ${why}` };
}

/** Where the daemon keeps its own files, without which no pod is started or stopped. */
function isOwn(place: string): boolean {
  return place === "root" || place === "state";
}

/** A full disk alone leaves the runtime ready: the kubelet has it remove images and containers then, which it can. */
function storageObstacle(states: ReadonlyMap<string, FileSystemState>): Obstacle | undefined {
  const troubles: string[] = [];
  for (const [name, state] of states) {
    const trouble = troubleOf(state);
    if (trouble !== undefined) troubles.push(`${name}: ${trouble}`);
  }
  if (troubles.length === 0) return undefined;
  const isReadOnly = [...states.values()].some((state) => state.isReadOnly);
  return { reason: isReadOnly ? "ReadOnlyFileSystem" : "FileSystemFull", message: troubles.join("; ") };
}

/** Why pods that name no handler can't run; undefined: they can. */
export function defaultProblem(runtime: ApiNode["runtime"]): string | undefined {
  try {
    runtime.resolveHandler("");
    return undefined;
  } catch (error) {
    const problems = runtime.probes().map(({ handler, problem }) => `${handler}: ${problem ?? "works"}`);
    return [describeFault(error), ...problems].join("; ");
  }
}
