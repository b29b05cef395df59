import type { ContainerRecord } from "../../container/state.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import * as cri from "../../wire/gen/runtime.v1.ts";
import { encodeContainerState } from "./encode-container.ts";
import { encodePodSandboxState } from "./encode-pod-sandbox.ts";
import { wrongField } from "./field.ts";

/** The fields that filters have in common; the CRI leaves out some of them in some. */
interface Filter<State> {
  readonly id: string;
  readonly labelSelector: Readonly<Record<string, string>>;
  readonly podSandboxId?: string;
  readonly state?: { readonly state: State } | undefined;
}

/**
 * Tells which containers a CRI ContainerFilter or ContainerStatsFilter lets through. Ids may be prefixes.
 *
 * @throws {Fault} invalid for a state that the CRI does not have
 */
export function containerFilter(
  filter: Filter<cri.ContainerState> | undefined,
): (record: ContainerRecord) => boolean {
  if (filter === undefined) return () => true;
  const state = knownState(filter.state?.state, cri.ContainerState);
  return (record) =>
    record.id.startsWith(filter.id) &&
    record.podId.startsWith(filter.podSandboxId ?? "") &&
    (state === undefined || encodeContainerState(record) === state) &&
    hasLabels(record.config.labels, filter.labelSelector);
}

/**
 * Tells which pod sandboxes a CRI PodSandboxFilter or PodSandboxStatsFilter lets through. The id may be a prefix.
 *
 * @throws {Fault} invalid for a state that the CRI does not have
 */
export function podSandboxFilter(
  filter: Filter<cri.PodSandboxState> | undefined,
): (record: PodSandboxRecord) => boolean {
  if (filter === undefined) return () => true;
  const state = knownState(filter.state?.state, cri.PodSandboxState);
  return (record) =>
    record.id.startsWith(filter.id) &&
    (state === undefined || encodePodSandboxState(record) === state) &&
    hasLabels(record.config.labels, filter.labelSelector);
}

function knownState(state: number | undefined, states: Readonly<Record<string, number>>): number | undefined {
  if (state === undefined || Object.values(states).includes(state)) return state;
  throw wrongField("filter.state.state", `${state} is not a value of this field`);
}

function hasLabels(
  labels: Readonly<Record<string, string>>,
  selector: Readonly<Record<string, string>>,
): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}
