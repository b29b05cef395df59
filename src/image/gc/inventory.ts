import type { ChainId, Digest } from "../../base/ids.ts";
import type { Bytes } from "../../base/units.ts";
import type { ImageRecord } from "../contract.ts";
import { usageOf } from "../layer.ts";
import { leaseOn } from "../leases.ts";
import { type ImageParts, partsInEach, type UnpackParts } from "../parts.ts";
import { nameOf } from "../record.ts";
import { storedFor } from "../sweep.ts";
import type { Holder, StoredItem } from "./contract.ts";

/** Everything that images have on disk, and who holds it. What nobody holds is for the next sweep. */
export async function takeInventory(parts: ImageParts): Promise<StoredItem[]> {
  const { content, fileLists } = parts.store;
  const items: StoredItem[] = [];
  for (const each of partsInEach(parts)) items.push(...(await layersIn(each)));
  const stored = holdersByDigest(parts, storedFor);
  const holdersOf = (digest: Digest) => [...(stored.get(digest) ?? []), ...passingHolders(digest, parts)];
  for (const [digest, bytes] of await content.sizes())
    items.push({ kind: "blob", digest, bytes, holders: holdersOf(digest) });
  for (const { digest, size: bytes } of await content.partials())
    items.push({ kind: "partial", digest, bytes, holders: passingHolders(digest, parts) });
  for (const [digest, bytes] of await fileLists.sizes())
    items.push({ kind: "list", digest, bytes, holders: holdersOf(digest) });
  return items;
}

async function layersIn(parts: UnpackParts): Promise<StoredItem[]> {
  const { store, snapshotter } = parts;
  const named = holdersByDigest(parts, ({ layers, unpacked }) =>
    unpacked[snapshotter.name] === undefined ? [] : layers.map(({ chainId }) => chainId),
  );
  const users = Map.groupBy(
    store.users.containers().flatMap((user) => user.chains.map((chain) => ({ user, chain }))),
    ({ chain }) => chain,
  );
  const { committed } = await snapshotter.list();
  return await Promise.all(
    committed.map(async (digest): Promise<StoredItem> => {
      const containers = (users.get(digest) ?? []).map(
        ({ user }): Holder => ({ kind: "container", id: user.id, what: `container ${user.name}` }),
      );
      const isPending = containers.length === 0 && store.users.inUse(digest);
      const holders = [
        ...(named.get(digest) ?? []),
        ...containers,
        ...(isPending ? [work("a container that is being made")] : []),
        ...passingHolders(digest, parts),
      ];
      const bytes = await bytesOf(digest, parts);
      return { kind: "layer", digest, snapshotter: snapshotter.name, bytes, holders };
    }),
  );
}

/** 0 for one that has gone meanwhile. */
async function bytesOf(chain: ChainId, parts: UnpackParts): Promise<Bytes> {
  return usageOf(chain, parts).then(
    ({ bytes }) => bytes,
    () => 0,
  );
}

function holdersByDigest(
  { store }: ImageParts,
  digestsOf: (record: ImageRecord) => readonly Digest[],
): ReadonlyMap<Digest, Holder[]> {
  const found = new Map<Digest, Holder[]>();
  for (const record of store.records.values()) {
    const holder: Holder = { kind: "image", id: record.id, what: `image ${nameOf(record)}` };
    for (const digest of new Set(digestsOf(record))) {
      const holders = found.get(digest);
      if (holders === undefined) found.set(digest, [holder]);
      else holders.push(holder);
    }
  }
  return found;
}

/** Those that hold something for as long as they last. */
function passingHolders(digest: Digest, parts: ImageParts): Holder[] {
  const lease = leaseOn(digest, parts);
  return [...parts.work.pins.why(digest).map(work), ...(lease === undefined ? [] : [leaseHolder(lease)])];
}

/** A pull that was cut off, or is under way. */
export function leaseHolder({ id, names, until }: NonNullable<ReturnType<typeof leaseOn>>): Holder {
  const name = names[0] ?? id;
  const end = new Date(Number(until / 1_000_000n)).toISOString();
  return { kind: "lease", id, what: `the unfinished pull of ${name}, until ${end}` };
}

function work(what: string): Holder {
  return { kind: "work", id: "", what };
}
