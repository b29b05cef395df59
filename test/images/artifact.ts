import { createHash } from "node:crypto";
import { type TarEntry, tarOf } from "./tar.ts";

/** A blob of an artifact, with what tools write beside it. */
export interface ArtifactFile {
  readonly mediaType: string;
  readonly data: Buffer;
  /** `org.opencontainers.image.title`: what it is called where it is mounted. */
  readonly title?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An artifact, as a registry or an OCI layout has it. */
export interface MadeArtifact {
  readonly manifest: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly manifestBytes: Buffer;
  readonly layers: readonly { readonly mediaType: string; readonly digest: string; readonly size: number }[];
  /** Config and files by digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** An artifact in the format of OCI 1.1, as `oras push` makes it: its type, the empty config, and a blob for each file. */
export function makeArtifact(artifactType: string, files: readonly ArtifactFile[]): MadeArtifact {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, data: Buffer) => {
    const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
    blobs.set(digest, data);
    return { mediaType, digest, size: data.length };
  };
  const config = { ...add("application/vnd.oci.empty.v1+json", Buffer.from("{}")), data: "e30=" };
  const layers = files.map(({ mediaType, data, title, annotations }) => {
    const all = {
      ...annotations,
      ...(title === undefined ? {} : { "org.opencontainers.image.title": title }),
    };
    return { ...add(mediaType, data), ...(Object.keys(all).length === 0 ? {} : { annotations: all }) };
  });
  const manifest = { schemaVersion: 2, mediaType: manifestType, artifactType, config, layers };
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const digest = `sha256:${createHash("sha256").update(manifestBytes).digest("hex")}`;
  return {
    manifest: { mediaType: manifestType, digest, size: manifestBytes.length },
    manifestBytes,
    layers,
    blobs,
  };
}

/** An OCI archive (a tar of an OCI image layout) with the artifact under that name. */
export function artifactArchive({ manifest, manifestBytes, blobs }: MadeArtifact, name: string): Buffer {
  const file = (path: string, data: Buffer): TarEntry => ({ path, kind: "file", mode: 0o644, data });
  const annotations = { "org.opencontainers.image.ref.name": name };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  const all = new Map(blobs).set(manifest.digest, manifestBytes);
  return tarOf([
    file("oci-layout", Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" }))),
    file("index.json", Buffer.from(JSON.stringify(index))),
    ...[...all].map(([digest, data]) => file(`blobs/${digest.replace(":", "/")}`, data)),
  ]);
}
