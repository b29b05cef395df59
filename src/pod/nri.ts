import { tallyOutside } from "../base/outside-time.ts";
import { type StepTime, stepTime } from "../base/steps.ts";
import type { Paths } from "../config/paths.ts";
import type { PodEvent } from "../nri/contract.ts";
import { nriResourcesOfCri } from "../nri/cri-resources.ts";
import type { LinuxNamespace, PodSandbox } from "../wire/gen/nri.v1alpha1.ts";
import { podNamespacePaths } from "./namespaces.ts";
import type { PodHost } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";

/** A pod sandbox as plugins see it. */
export function describePod(record: PodSandboxRecord, paths: Pick<Paths, "pod">): PodSandbox {
  const { config, state } = record;
  const { overhead = config.overhead, resources = config.resources } = record.resources ?? {};
  const isReady = state.kind === "ready";
  return {
    id: record.id,
    name: config.metadata.name,
    uid: config.metadata.uid,
    namespace: config.metadata.namespace,
    labels: { ...config.labels },
    annotations: { ...config.annotations },
    runtimeHandler: record.runtimeHandler,
    linux: {
      podOverhead: overhead && nriResourcesOfCri(overhead),
      podResources: resources && nriResourcesOfCri(resources),
      cgroupParent: config.cgroupParent,
      cgroupsPath: record.cgroup,
      namespaces: isReady ? podNamespaces(record, paths) : [],
      resources: undefined,
    },
    pid: isReady ? (state.init?.init.pid ?? 0) : 0,
    ips: isReady ? [...state.network.addresses] : [],
  };
}

function podNamespaces(record: PodSandboxRecord, paths: Pick<Paths, "pod">): LinuxNamespace[] {
  const found = podNamespacePaths(record, paths.pod(record.id).namespaces);
  return Object.entries(found).map(([type, path]) => ({ type, path }));
}

/** Tells the plugins, when there are any, and how long that took. @throws {Fault} of runPodSandbox, with what a plugin has against it */
export async function tellPlugins(
  event: PodEvent,
  record: PodSandboxRecord,
  { nri, paths }: Pick<PodHost, "nri" | "paths">,
  signal: AbortSignal,
): Promise<StepTime[]> {
  // of those that were told of, also when nobody is there: who comes later is not shown what is gone
  if (nri.isIdle && event !== "removePodSandbox") return [];
  const began = performance.now();
  const outside = await tallyOutside(() => nri.podEvent(event, () => describePod(record, paths), signal));
  return [stepTime("plugins", began, outside)];
}
