import type { Containers } from "../../container/contract.ts";
import { requireFiles } from "../../container/copy.ts";
import type { CopyCall } from "../../copy/contract.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { CopyFromRequest, CopyResponse, CopyToRequest } from "../../wire/gen/berth.v1.ts";
import { refuseNul, requireText } from "../convert/field.ts";

/** RPC CopyFrom of berth's own API: where to connect to for the tar. @throws {Fault} notFound, wrongState, exhausted */
export async function copyFrom(
  { containerId, path, followLink }: CopyFromRequest,
  containers: Containers,
  streams: StreamServer,
): Promise<CopyResponse> {
  return urlFor(containerId, { way: "from", path, followLink }, containers, streams);
}

/** RPC CopyTo of berth's own API: where to connect to with the tar. @throws {Fault} notFound, wrongState, exhausted */
export async function copyTo(
  { containerId, path, archive, extract }: CopyToRequest,
  containers: Containers,
  streams: StreamServer,
): Promise<CopyResponse> {
  return urlFor(containerId, { way: "to", path, archive, extract }, containers, streams);
}

function urlFor(id: string, copy: CopyCall, containers: Containers, streams: StreamServer): CopyResponse {
  requireText(copy.path, "path");
  refuseNul(copy.path, "path");
  const record = requireFiles(containers.get(requireText(id, "container_id")), copy);
  const isFrom = copy.way === "from";
  return {
    url: streams.urlFor({
      kind: "copy",
      id: record.id,
      copy,
      stdin: !isFrom,
      stdout: isFrom,
      stderr: true,
      tty: false,
    }),
  };
}
