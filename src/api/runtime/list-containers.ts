import type { Containers } from "../../container/contract.ts";
import type {
  Container,
  ContainerFilter,
  ListContainersRequest,
  ListContainersResponse,
  StreamContainersRequest,
  StreamContainersResponse,
} from "../../wire/gen/runtime.v1.ts";
import { encodeContainer } from "../convert/encode-container.ts";
import { containerFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";

/** RPC ListContainers. */
export async function listContainers(
  request: ListContainersRequest,
  containers: Containers,
): Promise<ListContainersResponse> {
  return { containers: select(request.filter, containers) };
}

/** RPC StreamContainers: the same list as it was at the start, in pages. */
export async function* streamContainers(
  request: StreamContainersRequest,
  containers: Containers,
): AsyncGenerator<StreamContainersResponse> {
  for (const page of pages(select(request.filter, containers), (item) => item)) yield { containers: page };
}

function select(filter: ContainerFilter | undefined, containers: Containers): Container[] {
  const wanted = containerFilter(filter);
  const found: Container[] = [];
  for (const record of containers.list()) if (wanted(record)) found.push(encodeContainer(record));
  return found;
}
