import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { Fault } from "../base/fault.ts";
import type { ImageSignature } from "./contract.ts";
import type { KeyBytes } from "./key-source.ts";

/** Where a layer of a signature manifest, which is what was signed, has the signature. */
export const signatureAnnotation = "dev.cosignproject.cosign/signature";
const smallestRsa = 2048;

/** A public key that signatures are verified with. */
export interface VerifyingKey {
  readonly name: string;
  readonly key: KeyObject;
  /** The hashes that tools sign with by this kind of key; null: the key's own way. */
  readonly hashes: readonly (string | null)[];
}

/** Reads public keys in PEM. @throws {Fault} invalid for what is none, and for kinds that berth doesn't verify with */
export function verifyingKey({ name, bytes }: KeyBytes): VerifyingKey {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: bytes, format: "pem" });
  } catch {
    throw new Fault("invalid", `${name} is no public key in PEM`);
  }
  // createPublicKey takes a private key, too, and makes the public one of it: a policy is no place for those.
  if (!/-----BEGIN (RSA )?PUBLIC KEY-----/.test(bytes.toString("latin1")))
    throw new Fault("invalid", `${name} is no public key in PEM`);
  return { name, key, hashes: hashesOf(key, name) };
}

function hashesOf(key: KeyObject, name: string): (string | null)[] {
  const details = key.asymmetricKeyDetails;
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return [null];
    case "rsa":
      if ((details?.modulusLength ?? 0) >= smallestRsa) return ["sha256"];
      throw new Fault(
        "invalid",
        `${name} is an RSA key of ${details?.modulusLength} bits; ${smallestRsa} are the least`,
      );
    case "ec":
      // Every curve with SHA-256 is what containers' tools do; later ones of cosign take the curve's own.
      if (details?.namedCurve === "prime256v1") return ["sha256"];
      if (details?.namedCurve === "secp384r1") return ["sha256", "sha384"];
      if (details?.namedCurve === "secp521r1") return ["sha256", "sha512"];
      break;
    case undefined:
      break;
  }
  const kind = details?.namedCurve ?? key.asymmetricKeyType;
  throw new Fault("invalid", `${name} is a key of a kind that signatures are not verified with (${kind})`);
}

/** The signature itself, beside what it signs. @throws {Fault} corrupt when it is missing or malformed */
export function signatureOf({ annotations }: ImageSignature): Buffer {
  const text = annotations[signatureAnnotation];
  if (text === undefined) throw new Fault("corrupt", `it has no annotation ${signatureAnnotation}`);
  const signature = Buffer.from(text, "base64");
  if (signature.length === 0 || signature.toString("base64") !== text)
    throw new Fault("corrupt", `its annotation ${signatureAnnotation} is not base64`);
  return signature;
}

/** The first of `keys` that `signature` of `payload` was made with; undefined: none of them. */
export function keyThatSigned(
  payload: Uint8Array,
  signature: Uint8Array,
  keys: readonly VerifyingKey[],
): VerifyingKey | undefined {
  return keys.find(({ key, hashes }) => hashes.some((hash) => verify(hash, payload, key, signature)));
}
