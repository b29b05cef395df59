import type { DiffId, Digest } from "../base/ids.ts";
import { digestOf } from "./digest.ts";

/** A blob of an artifact, as it is mounted: an archive to be unpacked, or a file by that path. */
export type ArtifactContent =
  | { readonly kind: "archive" }
  | {
      readonly kind: "file";
      readonly path: string;
    };

/** By which annotation the CRI's list says of what type an artifact is: it has no field for that. */
export const artifactTypeAnnotation = "io.berth.artifact-type";

/** What tells a blob of an artifact in its layer from others, as the diff id does of an image's, which an artifact doesn't say. */
export function artifactDiffId(content: ArtifactContent, blob: Digest): DiffId {
  const path = content.kind === "file" ? content.path : null;
  return digestOf(JSON.stringify([content.kind, path, blob])) as DiffId;
}
