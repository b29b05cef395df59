import type { PodSandboxId } from "../base/ids.ts";
import type { Containers } from "../container/contract.ts";
import type { ContainerRecord } from "../container/state.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { ContainerStats, PodSandboxStats } from "../wire/gen/runtime.v1.ts";
import { encodeContainerStats, encodePodSandboxStats } from "./convert/encode-stats.ts";
import type { Figures } from "./parts.ts";

/** The figures of pods, each with those of its containers that run: all read in two goes. */
export async function readPodStats(
  pods: readonly PodSandboxRecord[],
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<PodSandboxStats[]> {
  const running = runningByPod(containers, new Set(pods.map(({ id }) => id)));
  const [podFigures, containerFigures] = await Promise.all([
    figures.pods(pods, signal),
    figures.containers([...running.values()].flat(), signal),
  ]);
  return pods.map((pod) => {
    const inside: ContainerStats[] = (running.get(pod.id) ?? []).flatMap((record) => {
      const found = containerFigures.get(record.id);
      return found === undefined ? [] : [encodeContainerStats(record, found)];
    });
    return encodePodSandboxStats(pod, podFigures.get(pod.id), inside);
  });
}

function runningByPod(
  containers: Containers,
  pods: ReadonlySet<PodSandboxId>,
): Map<PodSandboxId, ContainerRecord[]> {
  const byPod = new Map<PodSandboxId, ContainerRecord[]>();
  for (const record of containers.list()) {
    if (record.state.kind !== "running" || !pods.has(record.podId)) continue;
    const found = byPod.get(record.podId);
    if (found === undefined) byPod.set(record.podId, [record]);
    else found.push(record);
  }
  return byPod;
}
