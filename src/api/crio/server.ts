import type { GrpcServer } from "../../wire/grpc/server.ts";
import { serveSharedSocket } from "../../wire/http/shared-socket.ts";
import type { ApiParts } from "../parts.ts";
import { crioDocument } from "./documents.ts";

/**
 * Serves where CRI-O would: the API's calls, by `api`, and what the kubelet's cAdvisor asks CRI-O for.
 *
 * @throws {Fault} alreadyExists when another server answers there; invalid, unavailable
 */
export function serveAsCrio(parts: ApiParts, api: Pick<GrpcServer, "adopt">): Promise<AsyncDisposable> {
  const { kubelet, grpc } = parts.node.facts.config;
  return serveSharedSocket({
    socket: kubelet.crioSocket,
    setting: "kubelet.crioSocket",
    group: grpc.group,
    http2: (connection) => api.adopt(connection),
    document: (path) => crioDocument(path, parts),
  });
}
