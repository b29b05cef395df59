import {
  ContainerState,
  type ContainerStats,
  PodSandboxState,
  type PodSandboxStats,
} from "../../wire/gen/runtime.v1.ts";
import type { Runtime } from "../context.ts";
import { findObject, listObjects, type Objects } from "../find.ts";
import { explainMissing } from "../missing-call.ts";
import { pairs } from "../options.ts";

/** Which containers or pods are looked at. */
export interface Wanted {
  /** Ids, prefixes of ids, or names; of containers, or of pods for all that is in them. Empty: all. */
  readonly names: readonly string[];
  readonly pod?: string | undefined;
  readonly label?: readonly string[] | undefined;
  /** Also what does not run. */
  readonly all: boolean;
}

/** One answer of the runtime, and where each of what it tells of is. */
export interface Sample<Stats> {
  readonly stats: readonly Stats[];
  readonly places: ReadonlyMap<string, string>;
}

export async function sampleContainers(runtime: Runtime, wanted: Wanted): Promise<Sample<ContainerStats>> {
  const [{ stats }, objects] = await Promise.all([
    runtime.pods.listContainerStats({}).catch((error: unknown) => {
      throw explainMissing(error, runtime, "ListContainerStats", "statistics need a newer one");
    }),
    listObjects(runtime),
  ]);
  const ids = containerIds(objects, wanted);
  const podNames = new Map(objects.pods.map(({ id, metadata }) => [id, metadata?.name ?? ""]));
  const places = new Map(
    objects.containers.map(({ id, podSandboxId }) => [id, podNames.get(podSandboxId) ?? ""]),
  );
  return { places, stats: stats.filter(({ attributes }) => ids.has(attributes?.id ?? "")) };
}

export async function samplePods(runtime: Runtime, wanted: Wanted): Promise<Sample<PodSandboxStats>> {
  const [{ stats }, objects] = await Promise.all([
    runtime.pods.listPodSandboxStats({}).catch((error: unknown) => {
      throw explainMissing(error, runtime, "ListPodSandboxStats", "leave --pods out");
    }),
    listObjects(runtime),
  ]);
  const ids = podIds(objects, wanted);
  const places = new Map(objects.pods.map(({ id, metadata }) => [id, metadata?.namespace ?? ""]));
  return { places, stats: stats.filter(({ attributes }) => ids.has(attributes?.id ?? "")) };
}

function containerIds({ pods, containers }: Objects, { names, pod, label, all }: Wanted): Set<string> {
  const podId = pod === undefined ? undefined : findObject({ pods, containers: [] }, pod, "pod").id;
  const named = new Set(names.map((name) => findObject({ pods, containers }, name, "container").id));
  const fit = containers
    .filter(({ state }) => all || state === ContainerState.CONTAINER_RUNNING)
    .filter(({ podSandboxId }) => podId === undefined || podSandboxId === podId)
    .filter(({ id, podSandboxId }) => named.size === 0 || named.has(id) || named.has(podSandboxId))
    .filter(({ labels }) => hasLabels(labels, label));
  return new Set(fit.map(({ id }) => id));
}

function podIds({ pods }: Objects, { names, label, all }: Wanted): Set<string> {
  const named = new Set(names.map((name) => findObject({ pods, containers: [] }, name, "pod").id));
  const fit = pods
    .filter(({ state }) => all || state === PodSandboxState.SANDBOX_READY)
    .filter(({ id }) => named.size === 0 || named.has(id))
    .filter(({ labels }) => hasLabels(labels, label));
  return new Set(fit.map(({ id }) => id));
}

function hasLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[] | undefined): boolean {
  return Object.entries(pairs(wanted)).every(([key, value]) => labels[key] === value);
}
