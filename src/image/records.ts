import * as v from "valibot";
import type { BootId, ChainId, DiffId, Digest } from "../base/ids.ts";
import { isDigest } from "../spec/digest.ts";
import { imageConfigSchema } from "../spec/oci-image.ts";
import type { ImageRecord } from "./contract.ts";

/** A layer that is being unpacked. */
export interface IngestRecord {
  /** Names the ingest to the snapshotter. */
  readonly ingest: string;
  readonly chainId: ChainId;
  readonly diffId: DiffId;
  readonly bootId: BootId;
  readonly snapshotter: string;
}

const digestAs = <Kind extends Digest>() =>
  v.custom<Kind>((value) => typeof value === "string" && isDigest(value), "is not a sha256 digest");
const [digest, diffId, chainId] = [digestAs<Digest>(), digestAs<DiffId>(), digestAs<ChainId>()];
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const bootId = v.custom<BootId>((value) => typeof value === "string", "is not text");
const blob = v.object({ digest, mediaType: v.string(), size: bytes });
const usage = v.object({ bytes, inodes: bytes });
const durable = v.union([v.literal("synced"), bootId]);

const imageRecord = v.object({
  id: digest,
  tags: v.array(v.string()),
  digests: v.array(v.string()),
  manifest: blob,
  config: imageConfigSchema,
  holdsCheckpoint: v.exactOptional(v.literal(true)),
  layers: v.array(v.object({ diffId, chainId, blob })),
  size: bytes,
  pulledAt: v.bigint(),
  pinned: v.boolean(),
  unpacked: v.record(v.string(), v.object({ usages: v.array(usage), durable })),
});

/** Of a berth that had one snapshotter. */
const formerRecord = v.object({
  snapshotter: v.string(),
  durable,
  layers: v.array(v.object({ usage })),
});

const ingestRecord = v.object({
  ingest: v.string(),
  chainId,
  diffId,
  bootId,
  snapshotter: v.optional(v.string(), "overlay"),
});

/** Reads a stored image record back. @throws when it isn't one */
export function parseImageRecord(value: unknown): ImageRecord {
  const former = v.safeParse(formerRecord, value);
  if (!former.success) return v.parse(imageRecord, value);
  const { snapshotter, durable, layers } = former.output;
  const unpacked = { [snapshotter]: { usages: layers.map((layer) => layer.usage), durable } };
  return v.parse(imageRecord, { ...(value as object), unpacked });
}

/** Reads a stored ingest record back. @throws when it isn't one */
export function parseIngestRecord(value: unknown): IngestRecord {
  return v.parse(ingestRecord, value);
}
