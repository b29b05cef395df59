import type { BootId, ChainId, DiffId, Digest, ImageId } from "../base/ids.ts";
import type { StepTime } from "../base/steps.ts";
import type { Bytes, UnixNanos } from "../base/units.ts";
import type { ImageSignature } from "../policy/contract.ts";
import type { ArtifactContent } from "../spec/artifact.ts";
import type { HistoryEntry, ImageConfig } from "../spec/oci-image-config.ts";

/** One layer of an image, as unpacked. */
export interface ImageLayer {
  /** Of an artifact's: what stands for it (spec/artifact.ts). */
  readonly diffId: DiffId;
  readonly chainId: ChainId;
  /** The blob it came from, as named by the manifest. */
  readonly blob: {
    readonly digest: Digest;
    readonly size: Bytes;
    readonly mediaType: string;
    /** Of an encrypted one: how it is encrypted, and its wrapped key. */
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Of an artifact: what the blob became. */
  readonly artifact?: ArtifactContent;
}

/** What an artifact is, which is no container image: it can be mounted, not run. */
export interface ImageArtifact {
  /** Its media type, as its maker calls it. */
  readonly type: string;
  /** Its config's blob. */
  readonly config: Digest;
}

/** An image's layers in one snapshotter. */
export interface UnpackedImage {
  /** What each layer takes on disk, from the lowest. */
  readonly usages: readonly { readonly bytes: Bytes; readonly inodes: number }[];
  /** "synced" once a syncfs has covered every layer; until then the boot in which it was written. */
  readonly durable: "synced" | BootId;
}

/** An image that is on this node, whole. Plain data: the image's record. */
export interface ImageRecord {
  /** Of an artifact: its manifest's digest. */
  readonly id: ImageId;
  /** References by tag, normalised (`docker.io/library/busybox:1.36`). */
  readonly tags: readonly string[];
  /**
   * References by digest (`docker.io/library/busybox@sha256:…`), the manifest or index as it was asked for.
   */
  readonly digests: readonly string[];
  readonly manifest: { readonly digest: Digest; readonly mediaType: string; readonly size: Bytes };
  readonly config: ImageConfig;
  /** It is no image to be run, but a container's checkpoint: an archive, unpacked. */
  readonly holdsCheckpoint?: true;
  readonly artifact?: ImageArtifact;
  readonly layers: readonly ImageLayer[];
  /** Absent when no rules held for it. */
  readonly signed?: SignedManifests;
  /** Config and layers, as they were unpacked first. */
  readonly size: Bytes;
  readonly pulledAt: UnixNanos;
  /** The operator wants it kept, however long nobody uses it. */
  readonly pinned: boolean;
  /** By the snapshotter's name. Never empty. */
  readonly unpacked: Readonly<Record<string, UnpackedImage>>;
}

/** What an image may be judged by when other rules hold than those that it was pulled under. */
export interface SignedManifests {
  /** The manifests and indexes that led to the image. */
  readonly digests: readonly Digest[];
  /** Those that were found of them, not verified. */
  readonly signatures: readonly ImageSignature[];
}

/** What the kubelet or the command gives for one pull. Never logged. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password`. */
  readonly auth?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** How an image is to be pulled. */
export interface PullOptions {
  readonly auth?: RegistryAuth | undefined;
  /** Where it is unpacked; absent: in the usual one. */
  readonly snapshotter?: string | undefined;
  /** The Kubernetes namespace that it is for, whose rules hold; absent or empty: the node's. */
  readonly namespace?: string;
}

/**
 * Where a layer stands in a pull. "unpacking": all its bytes came; "unpacked": it waits for those below; "present": on
 * this node before; "provided": the snapshotter gets at it by itself, when it is read.
 */
export type LayerState = "waiting" | "fetching" | "unpacking" | "unpacked" | "done" | "present" | "provided";

/** What the work on one layer tells of itself: how many bytes of its blob were unpacked, that all were, or that none need be. */
export type LayerStep = Bytes | "unpacked" | "provided";

/** How far one layer is; all layers are told of before the first byte comes. */
export interface LayerProgress {
  readonly phase: "layer";
  readonly digest: Digest;
  readonly state: LayerState;
  readonly done: Bytes;
  readonly total: Bytes;
}

/** What a pull is doing, for logs and progress bars. */
export type PullProgress = { readonly phase: "resolving" } | LayerProgress | { readonly phase: "committing" };

/** Where a blob stands in a push. "present": the registry had it; "mounted": it took it from another repository of its own. */
export type PushState = "waiting" | "pushing" | "done" | "present" | "mounted";

/** What a push is doing: its layers, and the config as one more, are all told of before the first byte goes. */
export type PushProgress =
  | {
      readonly phase: "layer";
      readonly digest: Digest;
      readonly state: PushState;
      readonly done: Bytes;
      readonly total: Bytes;
    }
  | { readonly phase: "committing" };

/** What stands at the registry after a push. */
export interface PushedImage {
  /** By digest. */
  readonly reference: string;
  /** The manifest's. */
  readonly digest: Digest;
  /** The image is known by another digest, too: that of an index, whose other platforms are not here. */
  readonly byAnother: boolean;
}

/** Follows one pull. */
export interface PullWatch {
  told(step: PullProgress): void;
  succeeded(image: ImageRecord, timeline: readonly StepTime[]): void;
  failed(error: unknown): void;
}

/** Who is told of pulls: of each once, however many callers wait for it. */
export interface PullObserver {
  began(): PullWatch;
}

/** The images of this node, as the layers above use them. */
export interface Images {
  /**
   * By id, unique id prefix, tag or digest reference; undefined when it is not here.
   *
   * @throws {Fault} invalid for an ambiguous prefix
   */
  find(reference: string): ImageRecord | undefined;
  list(): Iterable<ImageRecord>;
  /**
   * Single-flight for each reference, credential and snapshotter; a caller's signal ends its own wait, the last one's the
   * pull.
   */
  pull(reference: string, options: PullOptions | undefined, signal: AbortSignal): Promise<ImageRecord>;
  /**
   * Has an image that is here unpacked in another snapshotter, too: from its blobs, and what was dropped of them is fetched
   * again, without a credential. At once when it is there.
   *
   * @throws {Fault} unavailable for a snapshotter that can't work; notFound when the image is gone, or a blob can't be had
   */
  unpackIn(id: ImageId, snapshotter: string, signal: AbortSignal): Promise<void>;
  /** What its manifest says beside what it is made of; empty where that is not here. */
  annotations(image: ImageRecord): Promise<Readonly<Record<string, string>>>;
  /** How an image was made, the first step first; empty where it doesn't say. */
  history(image: ImageRecord): Promise<readonly HistoryEntry[]>;
  /**
   * For an image that is here, before it is used: other rules may hold for this namespace, or by now, than when it came.
   *
   * @param named what the image was asked for by: a reference or its id
   * @throws {Fault} forbidden, naming the rule; invalid for malformed rules
   */
  requireAllowed(image: ImageRecord, named: string, namespace: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes the image with all its references, whichever of them names it (CRI RemoveImage). Succeeds if it
   * is not here.
   *
   * @throws {Fault} wrongState for one that containers were made from
   */
  remove(reference: string, signal: AbortSignal): Promise<void>;
}
