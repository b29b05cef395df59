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
}

const digestAs = <Kind extends Digest>() =>
  v.custom<Kind>((value) => typeof value === "string" && isDigest(value), "is not a sha256 digest");
const [digest, diffId, chainId] = [digestAs<Digest>(), digestAs<DiffId>(), digestAs<ChainId>()];
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const bootId = v.custom<BootId>((value) => typeof value === "string", "is not text");
const blob = v.object({ digest, mediaType: v.string(), size: bytes });

const imageRecord = v.object({
  id: digest,
  tags: v.array(v.string()),
  digests: v.array(v.string()),
  manifest: blob,
  config: imageConfigSchema,
  holdsCheckpoint: v.exactOptional(v.literal(true)),
  layers: v.array(v.object({ diffId, chainId, blob, usage: v.object({ bytes, inodes: bytes }) })),
  size: bytes,
  pulledAt: v.bigint(),
  pinned: v.boolean(),
  snapshotter: v.string(),
  durable: v.union([v.literal("synced"), bootId]),
});

const ingestRecord = v.object({ ingest: v.string(), chainId, diffId, bootId });

/** Reads a stored image record back. @throws when it isn't one */
export function parseImageRecord(value: unknown): ImageRecord {
  return v.parse(imageRecord, value);
}

/** Reads a stored ingest record back. @throws when it isn't one */
export function parseIngestRecord(value: unknown): IngestRecord {
  return v.parse(ingestRecord, value);
}
