import { Fault } from "../base/fault.ts";
import type { BootId, ImageId } from "../base/ids.ts";
import { findByPrefix } from "../base/prefix.ts";
import type { RecordTable } from "../metadata/contract.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";
import type { ImageRecord } from "./contract.ts";
import type { ImageParts } from "./parts.ts";
import { isTrusted } from "./record.ts";

/**
 * Finds an image by its id (with or without `sha256:`), a tag, a digest reference, or the beginning of its
 * id. Of what a short name may mean, the first that is here counts.
 *
 * @param meant what a name may mean, in the order in which it would be pulled
 * @throws {Fault} invalid for what is neither a reference nor an id, and for an id's beginning that several
 * have
 */
export function findImage(
  reference: string,
  records: RecordTable<ImageId, ImageRecord>,
  bootId: BootId,
  meant: (name: string) => readonly Reference[] = (name) => [parseReference(name)],
): ImageRecord | undefined {
  if (reference === "") throw new Fault("invalid", "the image reference is empty");
  const hex = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(reference)?.[1];
  const images = () => trustedImages(records, bootId);
  if (hex?.length === 64) return first(images(), (record) => record.id === `sha256:${hex}`);
  const isId = hex !== undefined && reference.startsWith("sha256:");
  for (const name of isId ? [] : meant(reference)) {
    const named = newest(images(), formatReference(name));
    if (named !== undefined) return named;
  }
  if (hex === undefined) return undefined;
  const byHex = [...images()].map((record) => ({ id: record.id.slice("sha256:".length), record }));
  return findByPrefix(
    "image",
    hex,
    () => undefined,
    () => byHex,
  )?.record;
}

/** As `findImage`. @throws {Fault} notFound; invalid, as that */
export function requireImage(
  reference: string,
  { store, registry }: Pick<ImageParts, "store" | "registry">,
): ImageRecord {
  const record = findImage(reference, store.records, store.bootId, registry.candidates);
  if (record === undefined) throw notHere(reference);
  return record;
}

export function notHere(reference: string): Fault {
  return new Fault("notFound", `image "${reference}" is not on this node`, {
    hint: "`berth images` lists them",
  });
}

/** Every image that can be relied on. */
export function* trustedImages(
  records: RecordTable<ImageId, ImageRecord>,
  bootId: BootId,
): Generator<ImageRecord> {
  for (const record of records.values()) if (isTrusted(record, bootId)) yield record;
}

/** While a tag moves, two records have it: the newer counts. */
function newest(records: Iterable<ImageRecord>, name: string): ImageRecord | undefined {
  let found: ImageRecord | undefined;
  for (const record of records) {
    const has = record.tags.includes(name) || record.digests.includes(name);
    if (has && (found === undefined || record.pulledAt > found.pulledAt)) found = record;
  }
  return found;
}

function first(
  records: Iterable<ImageRecord>,
  test: (record: ImageRecord) => boolean,
): ImageRecord | undefined {
  for (const record of records) if (test(record)) return record;
  return undefined;
}
