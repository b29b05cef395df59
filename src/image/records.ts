import { z } from "zod";
import type { BootId, ChainId, DiffId } from "../base/ids.ts";
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

const digest = z.string().refine(isDigest, "is not a sha256 digest");
const bytes = z.int().nonnegative();
const bootId = z.string().transform((value) => value as BootId);
const blob = z.object({ digest, mediaType: z.string(), size: bytes });

const imageRecord = z.object({
  id: digest,
  tags: z.array(z.string()),
  digests: z.array(z.string()),
  manifest: blob,
  config: imageConfigSchema,
  layers: z.array(
    z.object({ diffId: digest, chainId: digest, blob, usage: z.object({ bytes, inodes: bytes }) }),
  ),
  size: bytes,
  pulledAt: z.bigint(),
  pinned: z.boolean(),
  snapshotter: z.string(),
  durable: z.union([z.literal("synced"), bootId]),
});

const ingestRecord = z.object({ ingest: z.string(), chainId: digest, diffId: digest, bootId });

/** Reads a stored image record back. @throws when it isn't one */
export function parseImageRecord(value: unknown): ImageRecord {
  return imageRecord.parse(value);
}

/** Reads a stored ingest record back. @throws when it isn't one */
export function parseIngestRecord(value: unknown): IngestRecord {
  return ingestRecord.parse(value);
}
