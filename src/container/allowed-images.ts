import type { ImageRecord, Images } from "../image/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import type { FoundCheckpoint } from "./checkpoint/find-checkpoint.ts";
import type { ContainerPod } from "./pod.ts";

/** An image that a container uses, and what it was asked for by. */
interface Use {
  readonly image: ImageRecord;
  readonly named: string;
}

/**
 * Looks whether the pod's namespace may use the container's images: its own, the one that its checkpoint was made of, and
 * those that it mounts.
 *
 * @throws {Fault} forbidden, naming the rule
 */
export async function requireAllowedImages(
  config: ContainerConfig,
  { own, checkpoint }: { own: ImageRecord | undefined; checkpoint: FoundCheckpoint | undefined },
  pod: ContainerPod,
  images: Pick<Images, "find" | "requireAllowed">,
  signal: AbortSignal,
): Promise<void> {
  const uses: Use[] = [];
  if (own !== undefined)
    uses.push({ image: own, named: config.image.userSpecifiedImage || config.image.image });
  if (checkpoint !== undefined) {
    const { image, origin } = checkpoint;
    uses.push({ image, named: origin.image || image.id });
  }
  for (const { image: wanted } of config.mounts) {
    // One that isn't here is told of by who mounts it.
    const image = wanted && images.find(wanted.image);
    if (wanted !== undefined && image !== undefined)
      uses.push({ image, named: wanted.userSpecifiedImage || wanted.image });
  }
  for (const { image, named } of uses)
    await images.requireAllowed(image, named, pod.config.metadata.namespace, signal);
}
