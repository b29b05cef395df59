import { isDeepStrictEqual } from "node:util";
import { Fault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { ContainerBook } from "./parts.ts";
import type { ContainerRecord } from "./state.ts";

/** Names one attempt at one container of one pod: a repeat of CreateContainer has the same. */
export function containerKey(podId: PodSandboxId, config: ContainerConfig): string {
  return JSON.stringify([podId, config.metadata.name, config.metadata.attempt]);
}

/** The record of the same pod, name and attempt. */
export function recordOfRequest(
  book: ContainerBook,
  podId: PodSandboxId,
  config: ContainerConfig,
): ContainerRecord | undefined {
  const key = containerKey(podId, config);
  for (const record of book.byPod.all(podId)) if (containerKey(podId, record.config) === key) return record;
  return undefined;
}

/** What CreateContainer was asked for; the id once it is known. */
type ContainerRequest = Pick<ContainerRecord, "config"> & Partial<Pick<ContainerRecord, "id">>;

/**
 * Checks that a repeat asks for what the first call did.
 *
 * @throws {Fault} alreadyExists naming the container that stands in the way and the fields that differ
 */
export function requireSameRequest(earlier: ContainerRequest, config: ContainerConfig): void {
  const differing = Object.keys({ ...earlier.config, ...config }).filter((field) => {
    const name = field as keyof ContainerConfig;
    return !isDeepStrictEqual(earlier.config[name], config[name]);
  });
  if (differing.length === 0) return;
  const { name, attempt } = config.metadata;
  throw new Fault(
    "alreadyExists",
    `container ${name}, attempt ${attempt}: ${earlier.id ?? "a create in flight"} in this pod has the same name but another config (${differing.join(", ")})`,
    { hint: "remove that one first, or ask with a higher attempt" },
  );
}
