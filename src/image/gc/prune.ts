import { describeFault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import type { ImageRecord } from "../contract.ts";
import type { Durability } from "../durability.ts";
import { trustedImages } from "../find.ts";
import type { ImageParts } from "../parts.ts";
import { nameOf } from "../record.ts";
import type { LeaseRecord } from "../records.ts";
import { removeImage } from "../remove.ts";
import { sweepImages } from "../sweep.ts";
import { usersOfImage } from "../users.ts";
import type { Pruned, PrunedImage, PruneOptions, StoredItem } from "./contract.ts";
import { takeInventory } from "./inventory.ts";

/**
 * Removes images that no container was made from and that are not pinned, and what pulls left that were cut off. What is
 * in use, or comes into use meanwhile, stays.
 */
export async function prune(
  options: PruneOptions,
  parts: ImageParts,
  durability: Durability,
  signal: AbortSignal,
): Promise<Pruned> {
  const images = [...trustedImages(parts.store.records, parts.store.bootId)]
    .filter((image) => mayGo(image, options, parts))
    .sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  const leases = options.labels.length > 0 ? [] : idleLeases(parts);
  const items = await takeInventory(parts);
  const ids = images.map(({ id }) => id);
  const going = new Set<string>([...ids, ...leases.map(({ id }) => id)]);
  const each = images.map((image) => ({ image, bytes: freedBy(new Set([image.id]), items) }));
  const unfinished = leases.map(({ names }) => names);
  if (options.dryRun) return { images: each, unfinished, bytes: freedBy(going, items) };

  for (const { id } of leases) await parts.store.leases.delete(id);
  const gone: PrunedImage[] = [];
  for (const pruned of each) {
    const problem = await removeImage(pruned.image.id, parts, durability, signal).then(
      () => undefined,
      (error: unknown) => describeFault(error),
    );
    if (problem !== undefined) going.delete(pruned.image.id);
    gone.push(problem === undefined ? pruned : { ...pruned, bytes: 0, problem });
  }
  await sweepImages(parts, signal);
  return { images: gone, unfinished, bytes: freedBy(going, items) };
}

function mayGo(
  image: ImageRecord,
  { all, until, labels }: PruneOptions,
  { store, work }: ImageParts,
): boolean {
  if (image.pinned || (image.tags.length > 0 && !all)) return false;
  if (until !== undefined && image.pulledAt >= until) return false;
  const has = image.config.config.Labels ?? {};
  if (!labels.every(({ key, value }) => key in has && (value === undefined || has[key] === value)))
    return false;
  const top = image.layers.at(-1)?.chainId;
  // A container that is being made has no record yet, but says what it counts on.
  if (top !== undefined && store.users.inUse(top)) return false;
  return usersOfImage(image.id, store.users).length === 0 && !work.pins.has(image.id);
}

/** Of pulls that are not under way. */
function idleLeases({ store, work }: ImageParts): LeaseRecord[] {
  return [...store.leases.values()].filter(({ id }) => !work.pins.has(id));
}

/** What nobody holds any more once these images and leases are gone. */
function freedBy(going: ReadonlySet<string>, items: readonly StoredItem[]): Bytes {
  return items
    .filter(({ holders }) =>
      holders.every(({ kind, id }) => (kind === "image" || kind === "lease") && going.has(id)),
    )
    .filter(({ holders }) => holders.length > 0)
    .reduce((sum, { bytes }) => sum + bytes, 0);
}
