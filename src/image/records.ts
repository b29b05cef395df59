import * as v from "valibot";
import type { BootId, ChainId, DiffId, Digest, ImageId } from "../base/ids.ts";
import type { UnixNanos } from "../base/units.ts";
import { isDigest } from "../spec/digest.ts";
import { imageConfigSchema } from "../spec/oci-image-config.ts";
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

/**
 * Holds what a pull has brought, from before it brings anything until its image is recorded: whatever cuts it off, the
 * next pull goes on from there. One that is not taken up again ends at its time.
 */
export interface LeaseRecord {
  /** The image that is being pulled. */
  readonly id: ImageId;
  /** What it is to be called, for people. */
  readonly names: readonly string[];
  readonly chains: readonly ChainId[];
  /** Of blobs, and of the lists of layers' files. */
  readonly digests: readonly Digest[];
  /** What was brought in another boot may not have reached the disk. */
  readonly bootId: BootId;
  readonly until: UnixNanos;
}

const digestAs = <Kind extends Digest>() =>
  v.custom<Kind>((value) => typeof value === "string" && isDigest(value), "is not a sha256 digest");
const [digest, diffId, chainId] = [digestAs<Digest>(), digestAs<DiffId>(), digestAs<ChainId>()];
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const bootId = v.custom<BootId>((value) => typeof value === "string", "is not text");
const blob = v.object({ digest, mediaType: v.string(), size: bytes });
const layerBlob = v.object({
  ...blob.entries,
  annotations: v.exactOptional(v.record(v.string(), v.string())),
});
const usage = v.object({ bytes, inodes: bytes });
const durable = v.union([v.literal("synced"), bootId]);

const artifactContent = v.variant("kind", [
  v.object({ kind: v.literal("archive") }),
  v.object({ kind: v.literal("file"), path: v.string() }),
]);

const signature = v.object({
  kind: v.picklist(["simple", "sigstore"]),
  place: v.string(),
  content: v.string(),
  annotations: v.record(v.string(), v.string()),
});

const imageRecord = v.object({
  id: digest,
  tags: v.array(v.string()),
  digests: v.array(v.string()),
  manifest: blob,
  config: imageConfigSchema,
  holdsCheckpoint: v.exactOptional(v.literal(true)),
  artifact: v.exactOptional(v.object({ type: v.string(), config: digest })),
  layers: v.array(v.object({ diffId, chainId, blob: layerBlob, artifact: v.exactOptional(artifactContent) })),
  signed: v.exactOptional(v.object({ digests: v.array(digest), signatures: v.array(signature) })),
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

const leaseRecord = v.object({
  id: digest,
  names: v.array(v.string()),
  chains: v.array(chainId),
  digests: v.array(digest),
  bootId,
  until: v.bigint(),
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

/** Reads a stored lease back. @throws when it isn't one */
export function parseLeaseRecord(value: unknown): LeaseRecord {
  return v.parse(leaseRecord, value);
}
