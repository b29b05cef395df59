import type { Containers } from "../../container/contract.ts";
import { requireRunning } from "../../container/streams.ts";
import type { StreamServer } from "../../stream/contract.ts";
import type { ExecRequest, ExecResponse } from "../../wire/gen/runtime.v1.ts";
import { refuseNul, requireText, wrongField } from "../convert/field.ts";
import { wantedStreams } from "../convert/wanted-streams.ts";

/** RPC Exec: where to connect to for the command to run. @throws {Fault} notFound, wrongState, exhausted */
export async function exec(
  request: ExecRequest,
  containers: Containers,
  streams: StreamServer,
): Promise<ExecResponse> {
  const id = requireText(request.containerId, "container_id");
  if (request.cmd.length === 0) throw wrongField("cmd", "missing");
  refuseNul(request.cmd, "cmd");
  const wanted = wantedStreams(request);
  const container = requireRunning(containers.get(id), "run a command");
  return { url: streams.urlFor({ kind: "exec", id: container.id, command: request.cmd, ...wanted }) };
}
