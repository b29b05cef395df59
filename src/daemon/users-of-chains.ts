import { ingestOf } from "../container/checkpoint/unpack-checkpoint.ts";
import type { ContainerBook } from "../container/parts.ts";
import { snapshotKey } from "../container/snapshot.ts";
import { chainsBelow } from "../container/state.ts";
import type { openImages } from "../image/open.ts";

/** Which containers keep which snapshots from being collected. */
export function usersOfChains({
  records,
  pendingChains,
}: ContainerBook): Parameters<typeof openImages>[0]["users"] {
  const all = () => [...records.values()];
  return {
    inUse: (chain) => pendingChains.has(chain) || all().some((record) => chainsBelow(record).includes(chain)),
    containers: () =>
      all().map((record) => {
        const { id, config, imageId, imageVolumes = [], snapshotter } = record;
        const images = [imageId, ...imageVolumes.map((volume) => volume.imageId)];
        return { id, name: config.metadata.name, images, chains: chainsBelow(record), snapshotter };
      }),
    snapshotsOn: (chain) =>
      all()
        .filter((record) => record.parent === chain)
        .map((record) => snapshotKey(record.id)),
    hasIngest: (ingest) => all().some(({ id }) => ingestOf(id) === ingest),
  };
}
