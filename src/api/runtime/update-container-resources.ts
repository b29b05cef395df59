import type { Containers } from "../../container/contract.ts";
import type {
  UpdateContainerResourcesRequest,
  UpdateContainerResourcesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { requireMessage, requireText, wrongField } from "../convert/field.ts";
import { decodeResources } from "../convert/resources.ts";

/** RPC UpdateContainerResources. What is zero or empty stays as it is. */
export async function updateContainerResources(
  request: UpdateContainerResourcesRequest,
  containers: Containers,
  signal: AbortSignal,
): Promise<UpdateContainerResourcesResponse> {
  const id = requireText(request.containerId, "container_id");
  if (request.windows !== undefined) throw wrongField("windows", "set, but this node runs Linux");
  const { oomScoreAdj, ...resources } = decodeResources(requireMessage(request.linux, "linux"), "linux");
  const changed = oomScoreAdj === 0 ? resources : { oomScoreAdj, ...resources };
  await containers.update(id, changed, signal);
  return {};
}
