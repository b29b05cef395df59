import type { DiskUsageResponse } from "../../wire/gen/berth.v1.ts";
import type { ApiParts } from "../parts.ts";

/** RPC DiskUsage of berth's own API. */
export async function diskUsage(upkeep: ApiParts["upkeep"]): Promise<DiskUsageResponse> {
  const { images, layers, containers, places, total } = await upkeep.diskUsage();
  return {
    images: images.map(({ image, size, shared, containers }) => ({
      id: image.id,
      names: [...image.tags, ...image.digests],
      bytes: BigInt(size),
      sharedBytes: BigInt(shared),
      uniqueBytes: BigInt(size - shared),
      containers,
      pinned: image.pinned,
      pulledAt: image.pulledAt,
    })),
    layers: layers.map(({ digest, snapshotter = "", bytes, holders }) => ({
      chain: digest,
      snapshotter,
      bytes: BigInt(bytes),
      holders: [...holders],
    })),
    containers: containers.map(({ id, name, image = "", snapshotter, bytes, inodes }) => ({
      id,
      name,
      imageId: image,
      snapshotter,
      bytes: BigInt(bytes),
      inodes: BigInt(inodes),
    })),
    places: places.map(({ what, path, bytes }) => ({ what, path, bytes: BigInt(bytes) })),
    totalBytes: BigInt(total),
  };
}
