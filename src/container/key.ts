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
export function recordOfKey(book: ContainerBook, key: string): ContainerRecord | undefined {
  for (const record of book.records.values())
    if (containerKey(record.podId, record.config) === key) return record;
  return undefined;
}

/**
 * Checks that a repeat asks for what the first call did.
 *
 * @throws {Fault} alreadyExists naming the container that stands in the way and the fields that differ
 */
export function requireSameRequest(record: ContainerRecord, config: ContainerConfig): void {
  const differing = Object.keys({ ...record.config, ...config }).filter((field) => {
    const name = field as keyof ContainerConfig;
    return !isDeepStrictEqual(record.config[name], config[name]);
  });
  if (differing.length === 0) return;
  const { name, attempt } = config.metadata;
  throw new Fault(
    "alreadyExists",
    `container ${name}, attempt ${attempt}: ${record.id} in this pod has the same name but another config (${differing.join(", ")})`,
    { hint: `remove container ${record.id.slice(0, 13)} first, or ask with a higher attempt` },
  );
}
