import type { Containers } from "../../container/contract.ts";
import type { ContainerRecord } from "../../container/state.ts";
import {
  type ContainerFilter,
  type ListContainersRequest,
  ListContainersResponse,
  type StreamContainersRequest,
  type StreamContainersResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded, encodedOnce } from "../../wire/grpc/encoded.ts";
import { encodeContainer } from "../convert/encode-container.ts";
import { containerFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";

/** An answer with one container; both calls have their containers in the same field. */
const answerWith = encodedOnce((record: ContainerRecord) =>
  ListContainersResponse.encode({ containers: [encodeContainer(record)] }).finish(),
);

/** RPC ListContainers. */
export async function listContainers(
  request: ListContainersRequest,
  containers: Containers,
): Promise<Encoded<ListContainersResponse>> {
  return new Encoded(select(request.filter, containers));
}

/** RPC StreamContainers: the same list as it was at the start, in pages. */
export async function* streamContainers(
  request: StreamContainersRequest,
  containers: Containers,
): AsyncGenerator<Encoded<StreamContainersResponse>> {
  for (const page of pages(select(request.filter, containers))) yield new Encoded(page);
}

function select(filter: ContainerFilter | undefined, containers: Containers): Uint8Array[] {
  const wanted = containerFilter(filter);
  const found: Uint8Array[] = [];
  for (const record of containers.list()) if (wanted(record)) found.push(answerWith(record));
  return found;
}
