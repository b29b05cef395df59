import type { Images } from "../../image/contract.ts";
import type { PullImageRequest, PullImageResponse } from "../../wire/gen/runtime.v1.ts";
import { decodeAuth } from "../convert/decode-auth.ts";
import { decodeImageSpec } from "../convert/decode-container-config.ts";
import type { ApiParts } from "../parts.ts";
import { snapshotterOf } from "../snapshotter-of.ts";

/** RPC PullImage. What it answers, the kubelet later creates containers with: the image's id. */
export async function pullImage(
  request: PullImageRequest,
  images: Images,
  parts: Pick<ApiParts, "node" | "podSandboxes">,
  signal: AbortSignal,
): Promise<PullImageResponse> {
  const { image: reference, runtimeHandler } = decodeImageSpec(request.image, "image");
  const auth = decodeAuth(request.auth, reference);
  const snapshotter = snapshotterOf(runtimeHandler || handlerOfPod(request, parts), parts.node);
  const namespace = request.sandboxConfig?.metadata?.namespace ?? "";
  const record = await images.pull(reference, { auth, snapshotter, namespace }, signal);
  return { imageRef: record.id };
}

/**
 * The handler of the pod that the image is for, which a kubelet names by its config, and runs before it pulls: few kubelets
 * name the handler itself. Empty when there is no such pod.
 */
function handlerOfPod(
  { sandboxConfig }: PullImageRequest,
  { podSandboxes }: Pick<ApiParts, "podSandboxes">,
): string {
  const wanted = sandboxConfig?.metadata;
  if (wanted === undefined) return "";
  const pods = [...podSandboxes.list()].filter(({ config: { metadata } }) =>
    (["uid", "name", "namespace"] as const).every((key) => metadata[key] === wanted[key]),
  );
  const newest = pods.reduce<(typeof pods)[number] | undefined>(
    (latest, pod) => (latest === undefined || pod.createdAt > latest.createdAt ? pod : latest),
    undefined,
  );
  return newest?.handler ?? "";
}
