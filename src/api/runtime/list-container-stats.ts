import type { Containers } from "../../container/contract.ts";
import type {
  ContainerStats,
  ContainerStatsFilter,
  ListContainerStatsRequest,
  ListContainerStatsResponse,
  StreamContainerStatsRequest,
  StreamContainerStatsResponse,
} from "../../wire/gen/runtime.v1.ts";
import { encodeContainerStats } from "../convert/encode-stats.ts";
import { containerFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";
import type { Figures } from "../parts.ts";

/** RPC ListContainerStats: of the containers that run. */
export async function listContainerStats(
  request: ListContainerStatsRequest,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<ListContainerStatsResponse> {
  return { stats: await select(request.filter, containers, figures, signal) };
}

/** RPC StreamContainerStats: the same list as it was at the start, in pages. */
export async function* streamContainerStats(
  request: StreamContainerStatsRequest,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): AsyncGenerator<StreamContainerStatsResponse> {
  const stats = await select(request.filter, containers, figures, signal);
  for (const page of pages(stats, (item) => item.attributes)) yield { containerStats: page };
}

async function select(
  filter: ContainerStatsFilter | undefined,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<ContainerStats[]> {
  const wanted = containerFilter(filter);
  const running = [...containers.list()].filter(
    (record) => record.state.kind === "running" && wanted(record),
  );
  const read = await figures.containers(running, signal);
  return running.flatMap((record) => {
    const found = read.get(record.id);
    return found === undefined ? [] : [encodeContainerStats(record, found)];
  });
}
