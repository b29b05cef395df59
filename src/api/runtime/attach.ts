import type { Containers } from "../../container/contract.ts";
import { requireRunning } from "../../container/streams.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { AttachRequest, AttachResponse } from "../../wire/gen/runtime.v1.ts";
import { requireText } from "../convert/field.ts";
import { wantedStreams } from "../convert/wanted-streams.ts";

/** RPC Attach: where to connect to for the container's stdio. @throws {Fault} notFound, wrongState, exhausted */
export async function attach(
  request: AttachRequest,
  containers: Containers,
  streams: StreamServer,
): Promise<AttachResponse> {
  const id = requireText(request.containerId, "container_id");
  const wanted = wantedStreams(request);
  const container = requireRunning(containers.get(id), "be attached to");
  return { url: streams.urlFor({ kind: "attach", id: container.id, ...wanted }) };
}
