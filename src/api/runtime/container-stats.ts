import type { Containers } from "../../container/contract.ts";
import type { ContainerStatsRequest, ContainerStatsResponse } from "../../wire/gen/runtime.v1.ts";
import { Encoded } from "../../wire/grpc/encoded.ts";
import { encodeContainerStats } from "../convert/encode-stats.ts";
import { requireText } from "../convert/field.ts";
import type { Figures } from "../parts.ts";

/** RPC ContainerStats. A container that does not run has attributes only. */
export async function containerStats(
  request: ContainerStatsRequest,
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<Encoded<ContainerStatsResponse>> {
  const record = containers.get(requireText(request.containerId, "container_id"));
  const read = await figures.containers([record], signal);
  return new Encoded([encodeContainerStats(record, read.get(record.id))]);
}
