import type { Containers } from "../../container/contract.ts";
import type { PodSandboxes } from "../../pod/contract.ts";
import type {
  ListPodSandboxStatsRequest,
  ListPodSandboxStatsResponse,
  PodSandboxStatsFilter,
  StreamPodSandboxStatsRequest,
  StreamPodSandboxStatsResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
import { podSandboxFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";
import type { Figures } from "../parts.ts";
import { readPodStats } from "../read-pod-stats.ts";

/** What the figures of pods are made from. */
export interface PodStatsParts {
  readonly podSandboxes: PodSandboxes;
  readonly containers: Containers;
  readonly figures: Figures;
}

/** RPC ListPodSandboxStats: of the pods that are ready. */
export async function listPodSandboxStats(
  request: ListPodSandboxStatsRequest,
  parts: PodStatsParts,
  signal: AbortSignal,
): Promise<Encoded<ListPodSandboxStatsResponse>> {
  return new Encoded(await select(request.filter, parts, signal));
}

/** RPC StreamPodSandboxStats: the same list as it was at the start, in pages. */
export async function* streamPodSandboxStats(
  request: StreamPodSandboxStatsRequest,
  parts: PodStatsParts,
  signal: AbortSignal,
): AsyncGenerator<Encoded<StreamPodSandboxStatsResponse>> {
  const stats = await select(request.filter, parts, signal);
  for (const page of pages(stats)) yield new Encoded(page);
}

async function select(
  filter: PodSandboxStatsFilter | undefined,
  parts: PodStatsParts,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const wanted = podSandboxFilter(filter);
  const ready = [...parts.podSandboxes.list()].filter(
    (record) => record.state.kind === "ready" && wanted(record),
  );
  return readPodStats(ready, parts.containers, parts.figures, signal);
}
