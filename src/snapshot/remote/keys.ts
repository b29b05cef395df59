import { randomBytes } from "node:crypto";
import type { ChainId, SnapshotKey } from "../../base/ids.ts";

/** What the keys of snapshots begin with that are not committed: a layer's name is its chain. */
const prefixes = { container: "berth-container-", layer: "berth-layer-", view: "berth-view-" } as const;

export function containerKey(key: SnapshotKey): string {
  return `${prefixes.container}${key}`;
}

/** Of what becomes a layer. */
export function layerKey(ingest: string): string {
  return `${prefixes.layer}${ingest}`;
}

/** For what is taken away again at once; left by a kill, it is swept as an ingest. */
export function newLayerKey(): string {
  return layerKey(randomBytes(16).toString("hex"));
}

export function viewKey(chain: ChainId): string {
  return `${prefixes.view}${chain}`;
}

export function containersAmong(names: readonly string[]): SnapshotKey[] {
  return after(prefixes.container, names) as SnapshotKey[];
}

export function ingestsAmong(names: readonly string[]): string[] {
  return after(prefixes.layer, names);
}

function after(prefix: string, names: readonly string[]): string[] {
  return names.flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
}
