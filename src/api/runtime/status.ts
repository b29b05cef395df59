import { describeFault } from "../../base/fault.ts";
import type { HandlerProbe } from "../../runtime/contract.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { RuntimeHandler, StatusRequest, StatusResponse } from "../../wire/gen/runtime.v1.ts";
import { infoText } from "../convert/info.ts";
import type { ApiNode } from "../parts.ts";
import { conditionsOf, defaultProblem } from "./conditions.ts";

/** RPC Status: whether pods can run here, with and without a network of their own, and if not, why. */
export async function status(
  request: StatusRequest,
  node: ApiNode,
  streams: StreamServer,
): Promise<StatusResponse> {
  const [networkProblem, users] = await Promise.all([
    problemOf(() => node.network.status()),
    node.runtime.userNamespaceProblems(),
  ]);
  const { features } = node.facts;
  return {
    status: {
      conditions: conditionsOf(node, { network: networkProblem, streams: streams.problem() }),
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

type Runtime = ApiNode["runtime"];
type UserNamespaceProblems = Awaited<ReturnType<Runtime["userNamespaceProblems"]>>;

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
  { facts, runtime, cdi, hooks, apparmor, storage }: ApiNode,
  networkProblem: string | undefined,
  users: UserNamespaceProblems,
): Promise<Record<string, string>> {
  const { devices, problems } = await cdi.read();
  const hookState = await hooks.read();
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
    hooks: infoText({
      directories: hooks.directories,
      files: hookState.hooks.map(({ path }) => path),
      problems: hookState.problems,
    }),
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
