import type {
  ListPodSandboxMetricsResponse,
  StreamPodSandboxMetricsResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
import { pages } from "../pages.ts";
import { readPodMetrics } from "../read-pod-metrics.ts";
import type { PodStatsParts } from "./list-pod-sandbox-stats.ts";

/** RPC ListPodSandboxMetrics: of the pods that are ready. */
export async function listPodSandboxMetrics(
  parts: PodStatsParts,
  signal: AbortSignal,
): Promise<Encoded<ListPodSandboxMetricsResponse>> {
  return new Encoded(await readPodMetrics(parts, signal));
}

/** RPC StreamPodSandboxMetrics: the same in pages. */
export async function* streamPodSandboxMetrics(
  parts: PodStatsParts,
  signal: AbortSignal,
): AsyncGenerator<Encoded<StreamPodSandboxMetricsResponse>> {
  for (const page of pages(await readPodMetrics(parts, signal))) yield new Encoded(page);
}
