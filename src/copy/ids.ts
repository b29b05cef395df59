import type { IdMapping } from "../spec/cri/security.ts";

/** How the ids of a container's user namespace stand to the node's; none: they are the same. */
export interface IdMaps {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/** Whom the kernel shows for ids that a namespace doesn't have (/proc/sys/kernel/overflowuid). */
const nobody = 65_534;

/** An id of the node as the container sees it. */
export function inContainer(id: number, map: readonly IdMapping[] | undefined): number {
  if (map === undefined) return id;
  const range = map.find(({ hostId, length }) => id >= hostId && id < hostId + length);
  return range === undefined ? nobody : id - range.hostId + range.containerId;
}

/** An id of the container on the node; undefined: the container doesn't have it. */
export function onNode(id: number, map: readonly IdMapping[] | undefined): number | undefined {
  if (map === undefined) return id;
  const range = map.find(({ containerId, length }) => id >= containerId && id < containerId + length);
  return range === undefined ? undefined : id - range.containerId + range.hostId;
}
