import { isFault } from "../base/fault.ts";
import type { Digest, ImageId } from "../base/ids.ts";
import { nowNanos, type UnixNanos } from "../base/units.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";
import type { ImageNames } from "./record.ts";
import type { LeaseRecord } from "./records.ts";
import type { ResolvedImage } from "./resolved.ts";
import { configDigestOf } from "./resolved.ts";

/** Begins or renews the lease of an image that is to be pulled. */
export async function holdLease(image: ResolvedImage, names: ImageNames, parts: ImageParts): Promise<void> {
  await hold(image, names, parts);
}

/** Holds what is left of an image that is not whole any more, as if its pull had been cut off. */
export async function leaseRest(record: ImageRecord, parts: ImageParts): Promise<void> {
  await hold(record, record, parts);
}

async function hold(
  image: Pick<ImageRecord, "id" | "manifest" | "layers" | "artifact">,
  { tags, digests }: ImageNames,
  parts: ImageParts,
): Promise<void> {
  const { store, settings } = parts;
  const { id, manifest, layers } = image;
  if (settings.keepUnfinished === 0) return;
  await store.leases.put(id, {
    id,
    names: [...tags, ...digests],
    chains: layers.map(({ chainId }) => chainId),
    digests: [
      configDigestOf(image),
      manifest.digest,
      ...layers.flatMap(({ blob, diffId }) => [blob.digest, diffId]),
    ],
    bootId: store.bootId,
    until: expiry(parts),
  });
}

/** The pull is over: with its image recorded, or with an error. */
export async function endLease(id: ImageId, error: unknown, parts: ImageParts): Promise<void> {
  const { leases } = parts.store;
  const lease = leases.get(id);
  if (lease === undefined) return;
  // On a full disk what is half there is in the way.
  if (error === undefined || isFault(error, "exhausted")) await leases.delete(id);
  else await leases.put(id, { ...lease, until: expiry(parts) });
}

function expiry({ settings }: ImageParts): UnixNanos {
  return nowNanos() + BigInt(settings.keepUnfinished) * 1_000_000n;
}

/** Forgets leases whose time is over, and those of another boot. */
export async function dropOldLeases(parts: ImageParts): Promise<void> {
  const { leases } = parts.store;
  for (const lease of [...leases.values()]) if (!isGood(lease, parts)) await leases.delete(lease.id);
}

/** The lease that holds a chain, a blob or a list of files; undefined when none does. */
export function leaseOn(digest: Digest, parts: ImageParts): LeaseRecord | undefined {
  for (const lease of parts.store.leases.values()) {
    if (!isGood(lease, parts)) continue;
    if (lease.chains.includes(digest) || lease.digests.includes(digest)) return lease;
  }
  return undefined;
}

function isGood({ id, bootId, until }: LeaseRecord, parts: ImageParts): boolean {
  const { store, work } = parts;
  if (bootId !== store.bootId) return false;
  // One that ends later than any may was begun by a clock that has been set back since.
  return work.pins.has(id) || (until > nowNanos() && until <= expiry(parts));
}
