import { describeFault } from "../../base/fault.ts";
import type { FileSystemState } from "../../linux/file-system-state.ts";
import { troubleOf } from "../../linux/remedy.ts";
import type { HandlerProbe } from "../../runtime/contract.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type {
  RuntimeCondition,
  RuntimeHandler,
  StatusRequest,
  StatusResponse,
} from "../../wire/gen/runtime.v1.ts";
import { infoText } from "../convert/info.ts";
import type { NodeParts } from "../parts.ts";

/** RPC Status: whether pods can run here, with and without a network of their own, and if not, why. */
export async function status(
  request: StatusRequest,
  node: NodeParts,
  streams: StreamServer,
): Promise<StatusResponse> {
  const [networkProblem, users] = await Promise.all([
    problemOf(() => node.network.status()),
    node.runtime.userNamespaceProblems(),
  ]);
  const { features } = node.facts;
  return {
    status: {
      conditions: [
        runtimeCondition(node),
        networkCondition(networkProblem),
        ...storageCondition(node.storage.fileSystems()),
        ...streamsCondition(streams.problem()),
      ],
    },
    info: request.verbose ? await verboseInfo(node, networkProblem, users) : {},
    runtimeHandlers: runtimeHandlers(node.runtime, users),
    features: {
      supplementalGroupsPolicy: features.supplementalGroupsPolicy,
      // /sys is bound for such pods, which every runtime can
      userNamespacesHostNetwork: [...users.values()].includes(undefined),
      mountOptions: features.mountOptions,
    },
  };
}

type Runtime = NodeParts["runtime"];
type UserNamespaceProblems = Awaited<ReturnType<Runtime["userNamespaceProblems"]>>;

function runtimeCondition({ runtime, storage }: Pick<NodeParts, "runtime" | "storage">): RuntimeCondition {
  const problem = defaultProblem(runtime);
  if (problem !== undefined)
    return { type: "RuntimeReady", status: false, reason: "NoWorkingRuntime", message: problem };
  const frozen = [...storage.fileSystems()].find(
    ([name, { isReadOnly }]) => isReadOnly && !/^logs /.test(name),
  );
  if (frozen !== undefined) {
    const [name, state] = frozen;
    const message = `${name}: ${troubleOf(state)}`;
    return { type: "RuntimeReady", status: false, reason: "ReadOnlyFileSystem", message };
  }
  const { snapshotters } = storage;
  const name = snapshotters.nameFor(runtime.resolveHandler("").handler);
  const why = snapshotters.probes().find((probe) => probe.name === name)?.problem;
  if (why === undefined) return { type: "RuntimeReady", status: true, reason: "", message: "" };
  const message = `the snapshotter ${name} can't work here: ${why}`;
  return { type: "RuntimeReady", status: false, reason: "SnapshotterNotReady", message };
}

function networkCondition(problem: string | undefined): RuntimeCondition {
  return {
    type: "NetworkReady",
    status: problem === undefined,
    reason: problem === undefined ? "" : "NetworkPluginNotReady",
    message: problem ?? "",
  };
}

/**
 * Only while something is wrong. A full disk alone leaves the runtime ready: the kubelet has it remove images and containers
 * then, which it must be able to.
 */
function storageCondition(states: ReadonlyMap<string, FileSystemState>): RuntimeCondition[] {
  const troubles = [...states].flatMap(([name, state]) => {
    const trouble = troubleOf(state);
    return trouble === undefined ? [] : [{ trouble: `${name}: ${trouble}`, isReadOnly: state.isReadOnly }];
  });
  if (troubles.length === 0) return [];
  const reason = troubles.some(({ isReadOnly }) => isReadOnly) ? "ReadOnlyFileSystem" : "FileSystemFull";
  const message = troubles.map(({ trouble }) => trouble).join("; ");
  return [{ type: "StorageReady", status: false, reason, message }];
}

/** Only while something is wrong: a kubelet that does not know it passes it over. */
function streamsCondition(problem: string | undefined): RuntimeCondition[] {
  if (problem === undefined) return [];
  return [{ type: "StreamsReady", status: false, reason: "BadCertificate", message: problem }];
}

function defaultProblem(runtime: Runtime): string | undefined {
  try {
    runtime.resolveHandler("");
    return undefined;
  } catch (error) {
    const problems = runtime.probes().map(({ handler, problem }) => `${handler}: ${problem ?? "works"}`);
    return [describeFault(error), ...problems].join("; ");
  }
}

/** The handlers that work, by name; "" is the one that pods get which name none. */
function runtimeHandlers(runtime: Runtime, users: UserNamespaceProblems): RuntimeHandler[] {
  const working = runtime.probes().filter(({ problem }) => problem === undefined);
  const handlers = working.map((probe) => encodeHandler(probe.handler, probe, users));
  if (defaultProblem(runtime) === undefined) {
    handlers.unshift(encodeHandler("", runtime.resolveHandler(""), users));
  }
  return handlers;
}

function encodeHandler(
  name: string,
  { handler, features }: HandlerProbe,
  users: UserNamespaceProblems,
): RuntimeHandler {
  return {
    name,
    features: {
      recursiveReadOnlyMounts: features.recursiveReadOnly,
      userNamespaces: users.has(handler) && users.get(handler) === undefined,
    },
  };
}

async function problemOf(status: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await status();
  } catch (error) {
    return describeFault(error);
  }
}

async function verboseInfo(
  { facts, runtime, cdi, apparmor, storage }: NodeParts,
  networkProblem: string | undefined,
  users: UserNamespaceProblems,
): Promise<Record<string, string>> {
  const { devices, problems } = await cdi.read();
  // critest looks for the state directory under the name that containerd gives it.
  const config = { ...facts.config, rootDir: facts.config.root, stateDir: facts.config.state };
  return {
    config: infoText(config),
    runtimes: infoText({
      handlers: runtime.probes().map((probe) => ({
        ...probe,
        userNamespaceProblem: users.get(probe.handler),
      })),
    }),
    snapshotters: infoText({
      usual: storage.snapshotters.usual,
      snapshotters: storage.snapshotters.probes(),
    }),
    network: infoText({ problem: networkProblem ?? null }),
    cdi: infoText({ directories: cdi.directories, devices: [...devices.keys()], problems }),
    apparmor: infoText(await apparmor.report()),
    daemon: infoText({
      version: facts.version,
      node: process.version,
      pid: process.pid,
      startedAt: facts.startedAt,
      cgroupVersion: facts.cgroupVersion,
      setAside: facts.setAside,
    }),
  };
}
