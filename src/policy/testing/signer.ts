import { execFileSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../base/ids.ts";
import type { TestRegistry } from "../../registry/testing/docker-registry.ts";
import { type MadeImage, pushImage, pushManifest } from "../../registry/testing/made-image.ts";
import { digestOf } from "../../spec/digest.ts";
import { type Descriptor, mediaTypes } from "../../spec/oci-image.ts";

/** A key pair of the kinds that cosign makes or takes. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
  /** The hash that is signed; null: the key's own way. */
  readonly hash: string | null;
}

export function ecKey(namedCurve = "P-256", hash = "sha256"): SigningKey {
  return keyOf(generateKeyPairSync("ec", { namedCurve }), hash);
}

export function rsaKey(modulusLength = 2048): SigningKey {
  return keyOf(generateKeyPairSync("rsa", { modulusLength }), "sha256");
}

export function edKey(): SigningKey {
  return keyOf(generateKeyPairSync("ed25519"), null);
}

function keyOf(pair: { publicKey: KeyObject; privateKey: KeyObject }, hash: string | null): SigningKey {
  const pem = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
  return { privateKey: pair.privateKey, pem, hash };
}

/** What cosign and skopeo sign (cosign, specs/SIGNATURE_SPEC.md). */
export function claim(digest: string, reference: string, type = "cosign container image signature"): Buffer {
  const identity = { "docker-reference": reference };
  const image = { "docker-manifest-digest": digest };
  return Buffer.from(JSON.stringify({ critical: { identity, image, type }, optional: null }));
}

/** Signs as cosign does. @returns the layer of a signature manifest, which is what was signed, and that */
export function sigstoreLayer(
  payload: Buffer,
  { privateKey, hash }: SigningKey,
  more: Readonly<Record<string, string>> = {},
): { layer: Descriptor; payload: Buffer } {
  const signature = sign(hash, payload, privateKey).toString("base64");
  const layer = {
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    digest: digestOf(payload),
    size: payload.length,
    annotations: { "dev.cosignproject.cosign/signature": signature, ...more },
  };
  return { layer, payload };
}

/** Attaches signatures to `subject`: by its tag, or as cosign does it with referrers at a registry without their API. */
export async function attach(
  registry: TestRegistry,
  repository: string,
  subject: Digest,
  signatures: readonly { layer: Descriptor; payload: Buffer }[],
  how: "tag" | "referrer" = "tag",
): Promise<void> {
  const config = Buffer.from("{}");
  const artifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";
  const type = how === "tag" ? mediaTypes.ociConfig : artifactType;
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: type, digest: digestOf(config), size: config.length },
    layers: signatures.map(({ layer }) => layer),
    ...(how === "tag" ? {} : { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 2 } }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const blobs = new Map(
    [config, ...signatures.map(({ payload }) => payload)].map((one) => [digestOf(one), one]),
  );
  await pushImage(registry, repository, { blobs } as unknown as MadeImage, []);
  const tag = subject.replace(":", "-");
  const name = how === "tag" ? `${tag}.sig` : digestOf(bytes);
  const pushed = await pushManifest(registry, repository, name, mediaTypes.ociManifest, bytes);
  if (how === "tag") return;
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ ...pushed, artifactType }],
  };
  await pushManifest(registry, repository, tag, mediaTypes.ociIndex, Buffer.from(JSON.stringify(index)));
}

/** A GPG key in a home of its own. */
export interface GpgSigner extends Disposable {
  readonly home: string;
  readonly fingerprint: string;
  /** In ASCII armor. */
  readonly publicKey: string;
  /** Signs as skopeo's `standalone-sign` does. */
  sign(content: Buffer): Buffer;
}

/** @param expires as `--quick-generate-key` takes it */
export function gpgSigner(expires = "never"): GpgSigner {
  const home = mkdtempSync(join(tmpdir(), "berth-gpg-"));
  const gpg = (...args: string[]) =>
    execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", "--no-tty", ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
  gpg(
    "--passphrase",
    "",
    "--quick-generate-key",
    "Signer <signer@berth.example>",
    "ed25519",
    "sign",
    expires,
  );
  const listed = gpg("--list-keys", "--with-colons").toString();
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? "";
  return {
    home,
    fingerprint,
    publicKey: gpg("--armor", "--export", fingerprint).toString(),
    sign(content) {
      const file = join(home, "content");
      writeFileSync(file, content);
      return gpg("--output", "-", "--sign", file);
    },
    [Symbol.dispose]() {
      execFileSync("gpgconf", ["--homedir", home, "--kill", "all"], { stdio: "ignore" });
      rmSync(home, { recursive: true, force: true });
    },
  };
}
