import type { VersionResponse } from "../../wire/gen/runtime.v1.ts";
import type { DaemonFacts } from "../parts.ts";

/** Version of the kubelet's own API for runtimes; it has not changed since there is one. */
const kubeletApiVersion = "0.1.0";

/** RPC Version. The kubelet refuses an answer in which a field is empty. */
export async function version(facts: DaemonFacts): Promise<VersionResponse> {
  return {
    version: kubeletApiVersion,
    runtimeName: "berth",
    runtimeVersion: facts.version,
    runtimeApiVersion: "v1",
  };
}
