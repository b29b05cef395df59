import type { ChainId, SnapshotKey } from "../base/ids.ts";

/** True for the name of a committed layer, false for a container's key. */
export function isChain(key: SnapshotKey | ChainId): key is ChainId {
  return key.startsWith("sha256:");
}
