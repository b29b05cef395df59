import type { HandlerProbe } from "../../runtime/contract.ts";
import type { InfoResponse } from "../../wire/gen/berth.v1.ts";
import type { ApiNode } from "../parts.ts";

/** RPC Info of berth's own API. */
export async function info({
  facts,
  runtime,
  nri,
}: Pick<ApiNode, "facts" | "runtime" | "nri">): Promise<InfoResponse> {
  const { config } = facts;
  const usual = defaultHandler(runtime);
  return {
    version: facts.version,
    startedAt: facts.startedAt,
    root: config.root,
    state: config.state,
    snapshotter: config.image.snapshotter,
    cgroupDriver: config.cgroup.driver,
    cgroupVersion: facts.cgroupVersion,
    handlers: runtime.probes().map((probe) => ({
      name: probe.handler,
      path: probe.path,
      version: probe.version,
      problem: probe.problem ?? "",
      default: probe.handler === usual?.handler,
    })),
    setAside: [...facts.setAside],
    nriPlugins: nri.reports().map(({ events, calls, errors, adjusted, ...plugin }) => ({
      ...plugin,
      events: [...events],
      calls: BigInt(calls),
      errors: BigInt(errors),
      adjusted: BigInt(adjusted),
    })),
  };
}

function defaultHandler(runtime: ApiNode["runtime"]): HandlerProbe | undefined {
  try {
    return runtime.resolveHandler("");
  } catch {
    return undefined;
  }
}
