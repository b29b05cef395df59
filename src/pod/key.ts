import { isDeepStrictEqual } from "node:util";
import { Fault } from "../base/fault.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import type { PodBook, PodRequest } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** Names one attempt to run one pod: a repeat of RunPodSandbox has the same. */
export function podKey(config: PodSandboxConfig): string {
  const { namespace, name, uid, attempt } = config.metadata;
  return JSON.stringify([namespace, name, uid, attempt]);
}

/** The pod as a person names it. */
export function podName(config: PodSandboxConfig): string {
  return `${config.metadata.namespace}/${config.metadata.name}`;
}

/** The record of the same metadata and attempt. */
export function recordOfKey(book: PodBook, key: string): PodSandboxRecord | undefined {
  const [record] = book.byKey.all(key);
  return record;
}

/**
 * Checks that a repeat asks for what the first call did.
 *
 * @throws {Fault} alreadyExists naming the sandbox that stands in the way and the fields that differ
 */
export function requireSameRequest(
  earlier: PodRequest,
  config: PodSandboxConfig,
  runtimeHandler: string,
): void {
  const differing = Object.keys({ ...earlier.config, ...config }).filter((field) => {
    const name = field as keyof PodSandboxConfig;
    return !isDeepStrictEqual(earlier.config[name], config[name]);
  });
  if (earlier.runtimeHandler !== runtimeHandler) differing.push("runtime_handler");
  if (differing.length === 0) return;
  throw new Fault(
    "alreadyExists",
    `pod ${podName(config)}, attempt ${config.metadata.attempt}: ${earlier.id === undefined ? "a run in flight" : `sandbox ${earlier.id}`} has the same metadata but another config (${differing.join(", ")})`,
    { hint: "stop and remove that one first, or ask with a higher attempt" },
  );
}
