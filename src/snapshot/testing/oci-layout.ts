import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Writes an OCI image layout (image spec, image-layout.md) of these layers' tars, gzipped, tagged `latest`. */
export function writeOciLayout(directory: string, layers: readonly Uint8Array[]): void {
  const blobs = join(directory, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Uint8Array) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const config = put(
    "application/vnd.oci.image.config.v1+json",
    json({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: {
        type: "layers",
        diff_ids: layers.map((tar) => `sha256:${createHash("sha256").update(tar).digest("hex")}`),
      },
      history: layers.map(() => ({ created_by: "a test" })),
    }),
  );
  const type = "application/vnd.oci.image.layer.v1.tar+gzip";
  const manifest = put(
    "application/vnd.oci.image.manifest.v1+json",
    json({ schemaVersion: 2, config, layers: layers.map((tar) => put(type, gzipSync(tar, { level: 1 }))) }),
  );
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  writeFileSync(
    join(directory, "index.json"),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(directory, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
}
