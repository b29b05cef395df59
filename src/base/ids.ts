import { randomBytes } from "node:crypto";

declare const brand: unique symbol;
/** A string that the compiler keeps apart from other strings. */
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 64 lower-case hexadecimal digits. */
export type PodSandboxId = Branded<"PodSandboxId">;
/** 64 lower-case hexadecimal digits. */
export type ContainerId = Branded<"ContainerId">;
/** `sha256:` and 64 hexadecimal digits (OCI image spec, descriptor). */
export type Digest = Branded<"Digest">;
/** The digest of an image's config blob: the image's identity towards the kubelet. */
export type ImageId = Digest;
/** Identifies a stack of layers: sha256 over the chain of diff ids (OCI image spec, config: Layer ChainID). */
export type ChainId = Digest;
/** Identifies the uncompressed tar of one layer. */
export type DiffId = Digest;
/** Name of a snapshot: the chain id for a committed layer stack, the container id for a container's writable layer. */
export type SnapshotKey = Branded<"SnapshotKey">;
/** The kernel's random id of this boot (`/proc/sys/kernel/random/boot_id`). */
export type BootId = Branded<"BootId">;

function newHexId(): string {
  return randomBytes(32).toString("hex");
}

export function newPodSandboxId(): PodSandboxId {
  return newHexId() as PodSandboxId;
}

export function newContainerId(): ContainerId {
  return newHexId() as ContainerId;
}
