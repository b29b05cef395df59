import type { KeyObject } from "node:crypto";
import { Fault } from "../base/fault.ts";
import type { PrivateKeys } from "./key-files.ts";

/** As ocicrypt takes them: whoever wrapped the key doesn't choose how weakly. */
const keyManagementAlgorithms: Readonly<Record<string, readonly string[]>> = {
  rsa: ["RSA-OAEP", "RSA-OAEP-256"],
  ec: ["ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"],
};
const contentEncryptionAlgorithms = [
  ...["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"],
  ...["A128GCM", "A192GCM", "A256GCM"],
];

/**
 * Opens a JWE (RFC 7516) in its JSON form with the first key that fits.
 *
 * @throws {Fault} forbidden when none does; corrupt for what is no JWE
 */
export async function unwrapJwe(
  bytes: Uint8Array,
  { directory, keys, others }: PrivateKeys,
): Promise<Uint8Array> {
  const { flattenedDecrypt, generalDecrypt } = await import("jose");
  let jwe: unknown;
  try {
    jwe = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw new Fault("corrupt", "its wrapped key is no JWE");
  }
  if (typeof jwe !== "object" || jwe === null) throw new Fault("corrupt", "its wrapped key is no JWE");
  const open = (key: KeyObject) => {
    const algorithms = keyManagementAlgorithms[key.asymmetricKeyType ?? ""] ?? [];
    const options = { keyManagementAlgorithms: [...algorithms], contentEncryptionAlgorithms };
    return "recipients" in jwe
      ? generalDecrypt(jwe as Parameters<typeof generalDecrypt>[0], key, options)
      : flattenedDecrypt(jwe as Parameters<typeof flattenedDecrypt>[0], key, options);
  };
  for (const { key } of keys) {
    try {
      return (await open(key)).plaintext;
    } catch {
      // Made for another key, most often: that is not told apart from a broken one.
    }
  }
  const has = keys.length === 0 ? "there is no private key" : `none of ${keys.length} private keys fits`;
  const odd =
    others.length === 0 ? "" : ` (no keys, or ones with a password: ${others.slice(0, 3).join(", ")})`;
  throw new Fault("forbidden", `${has} in ${directory}${odd}`);
}
