import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { eachInTurn } from "../../base/short-turns.ts";
import type { Containers } from "../../container/contract.ts";
import type {
  ContainerStatsFilter,
  ListContainerStatsRequest,
  ListContainerStatsResponse,
  StreamContainerStatsRequest,
  StreamContainerStatsResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
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
): Promise<Encoded<ListContainerStatsResponse>> {
  return new Encoded(await select(request.filter, containers, figures, signal));
}

/** RPC StreamContainerStats: the same list as it was at the start, in pages. */
export async function* streamContainerStats(
  request: StreamContainerStatsRequest,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): AsyncGenerator<Encoded<StreamContainerStatsResponse>> {
  const stats = await select(request.filter, containers, figures, signal);
  for (const page of pages(stats)) yield new Encoded(page);
}

async function select(
  filter: ContainerStatsFilter | undefined,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const wanted = containerFilter(filter);
  const running = [...containers.list()].filter(
    (record) => record.state.kind === "running" && wanted(record),
  );
  const read = await figures.containers(running, signal);
  const encoded: Uint8Array[] = [];
  const writer = new BinaryWriter();
  await eachInTurn(running, signal, (record) => {
    const found = read.get(record.id);
    if (found !== undefined) encoded.push(encodeContainerStats(record, found, writer));
  });
  return encoded;
}
