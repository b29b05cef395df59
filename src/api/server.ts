import { BerthService } from "../wire/gen/berth.v1.ts";
import { ImageServiceService, RuntimeServiceService } from "../wire/gen/runtime.v1.ts";
import type { Handlers } from "../wire/grpc/method.ts";
import { createGrpcServer, type GrpcServer } from "../wire/grpc/server.ts";
import { copyFrom, copyTo } from "./berth/copy.ts";
import { diskUsage } from "./berth/disk-usage.ts";
import { explain } from "./berth/explain.ts";
import { exportImages } from "./berth/export.ts";
import { importImages } from "./berth/import.ts";
import { info } from "./berth/info.ts";
import { prune } from "./berth/prune.ts";
import { pullImageWithProgress } from "./berth/pull-image.ts";
import { pushImageWithProgress } from "./berth/push-image.ts";
import { registryLogin, registryLogout, testRegistry } from "./berth/registry.ts";
import { tagImage, untagImage } from "./berth/tag.ts";
import { testPolicy } from "./berth/test-policy.ts";
import { verifyImages } from "./berth/verify-images.ts";
import { imageFsInfo } from "./images/image-fs-info.ts";
import { imageStatus } from "./images/image-status.ts";
import { listImages, streamImages } from "./images/list-images.ts";
import { pullImage } from "./images/pull-image.ts";
import { removeImage } from "./images/remove-image.ts";
import type { ApiParts } from "./parts.ts";
import { runtimeHandlers } from "./runtime-handlers.ts";
import { loggingEdge } from "./status.ts";

/** Builds the daemon's API, CRI and berth's own, on the socket of the config. It answers once it is told to listen. */
export function createApiServer(parts: ApiParts): GrpcServer {
  const { grpc, root, state } = parts.node.facts.config;
  const server = createGrpcServer(grpc);
  const edge = loggingEdge(parts.log, parts.observer, [root, state]);
  server.add(RuntimeServiceService, runtimeHandlers(parts), edge);
  server.add(ImageServiceService, imageHandlers(parts), edge);
  server.add(BerthService, berthHandlers(parts), edge);
  return server;
}

function imageHandlers({ images, node, podSandboxes }: ApiParts): Handlers<typeof ImageServiceService> {
  return {
    listImages: (request) => listImages(request, images),
    streamImages: (request) => streamImages(request, images),
    imageStatus: (request) => imageStatus(request, images, node),
    pullImage: (request, signal) => pullImage(request, images, { node, podSandboxes }, signal),
    removeImage: (request, signal) => removeImage(request, images, signal),
    imageFsInfo: (_request, signal) => imageFsInfo(node.figures, signal),
  };
}

function berthHandlers(parts: ApiParts): Handlers<typeof BerthService> {
  const { transfer, registries, upkeep, node, containers, streams } = parts;
  return {
    info: () => info(node),
    pullImage: (request, signal) => pullImageWithProgress(request, transfer, signal),
    import: (request, signal) => importImages(request, transfer, signal),
    export: (request, signal) => exportImages(request, transfer, signal),
    pushImage: (request, signal) => pushImageWithProgress(request, transfer, signal),
    tag: (request, signal) => tagImage(request, transfer, signal),
    untag: (request, signal) => untagImage(request, transfer, signal),
    testPolicy: (request, signal) => testPolicy(request, transfer, signal),
    verifyImages: (request, signal) => verifyImages(request, upkeep, signal),
    explain: (request) => explain(request, upkeep),
    prune: (request, signal) => prune(request, upkeep, signal),
    diskUsage: () => diskUsage(upkeep),
    copyFrom: (request) => copyFrom(request, containers, streams),
    copyTo: (request) => copyTo(request, containers, streams),
    testRegistry: (request, signal) => testRegistry(request, registries, signal),
    registryLogin: (request, signal) => registryLogin(request, registries, signal),
    registryLogout: (request, signal) => registryLogout(request, registries, signal),
  };
}
