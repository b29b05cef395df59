import type { Growth } from "../base/growth.ts";
import type { DiffId, Digest } from "../base/ids.ts";
import type { Bytes } from "../base/units.ts";
import type { ArtifactContent } from "../spec/artifact.ts";

/**
 * Where a layer's blob comes from, as it is stored (compressed or not).
 *
 * A stream is pulled from only as fast as the layer is written: at most a few megabytes are in flight. Its chunks
 * belong to the unpacker once yielded: it frees their memory, so don't touch them afterwards. A
 * file is read by the worker itself; the main thread does nothing for it.
 */
export type LayerSource = AsyncIterable<Uint8Array> | { readonly file: string } | GrowingBlob;

/** A file that the blob is being written to, which the worker reads as far as it has grown. */
export interface GrowingBlob {
  readonly file: string;
  readonly growth: Growth;
  /** Has `listener` called whenever it has grown. */
  onGrown(listener: () => void): void;
  /** Resolves when it is whole. Rejects with why it will not be. */
  readonly whole: Promise<void>;
}

/** What a layer may take at most, whatever it claims. */
export interface UnpackLimits {
  /** Of the uncompressed tar, and of all files' apparent sizes together (a sparse file counts whole). */
  readonly maxUnpacked: Bytes;
  /** Entries of the tar. */
  readonly maxFiles: number;
}

/** AES-256 in counter mode, with an HMAC-SHA256 of what is enciphered (ocicrypt's AES_256_CTR_HMAC_SHA256). */
export interface LayerCipher {
  /** 32 bytes, for both. */
  readonly key: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  readonly hmac: Uint8Array;
}

export interface UnpackRequest {
  readonly source: LayerSource;
  /** Of OCI or Docker; says how the blob is compressed: `…tar`, `…tar+gzip`, `…tar.gzip`, `…tar+zstd`. */
  readonly mediaType: string;
  /** Of a blob that is encrypted; `mediaType` is that of the layer within. */
  readonly cipher?: LayerCipher | undefined;
  /** What `Snapshotter.prepareLayer` gave. */
  readonly directory: string;
  readonly limits: UnpackLimits;
  /** The blob is an artifact's, of that many bytes: what becomes of it. */
  readonly artifact?: { readonly content: ArtifactContent; readonly size: Bytes };
  /** Also writes the blob as it came to this new file, for stores that keep blobs. The caller syncs or drops it. */
  readonly keepBlobAt?: string;
  /** Also writes what the layer's entries make to this new file (`files/`), to compare with what lies on disk later. */
  readonly listFilesAt?: string;
  /** Called as bytes of the blob have been unpacked, with their running total: progress that counts unpacking. */
  readonly progress?: (done: Bytes) => void;
}

/** What came out. The caller compares the digests with what manifest and config promise, before it commits. */
export interface UnpackedLayer {
  /** Of the blob as it came. */
  readonly blobDigest: Digest;
  readonly blobSize: Bytes;
  /** Of the uncompressed tar; of an artifact's blob: what stands for it (spec/artifact.ts). */
  readonly diffId: DiffId;
  /** Size of the uncompressed tar. */
  readonly unpackedBytes: Bytes;
  /** Entries of the tar. */
  readonly files: number;
}

/** Inflates, hashes and unpacks layers, each in one pass, on worker threads that start late and end when idle. */
export interface LayerUnpacker {
  /**
   * Unpacks one layer into `directory`. When it throws, what is there is for `Snapshotter.abortLayer`.
   *
   * The source's iterator is returned (closed) however it ends; what the source throws comes back as the cause.
   *
   * @throws {Fault} corrupt: not valid gzip, zstd or tar, cut short, or followed by garbage; invalid: an entry that a
   * layer may not hold (it leads outside, a whiteout of `..`, …), named, or an unknown media type; exhausted: a limit,
   * or the disk is full; cancelled or deadline as `signal` says; else what the source threw
   */
  unpackLayer(request: UnpackRequest, signal: AbortSignal): Promise<UnpackedLayer>;
  /** Ends the workers. Layers in work are aborted. */
  close(): Promise<void>;
}
