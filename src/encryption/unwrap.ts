import { describeFault, Fault, isFault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import type { Processes } from "../linux/contract.ts";
import type { LayerCipher } from "../snapshot/unpack-contract.ts";
import { parseLayerEncryption, parseLayerKey, type WrappedKey } from "../spec/encrypted-layer.ts";
import type { Descriptor } from "../spec/oci-image.ts";
import { unwrapJwe } from "./jwe.ts";
import { readPrivateKeys } from "./key-files.ts";
import { askKeyProvider, readKeyProviders } from "./key-provider.ts";

/** Where keys are, and what runs the programs that have them. */
export interface UnwrapOptions {
  readonly settings: Config["decryption"];
  readonly processes: Processes;
  readonly path: string;
}

const unsupported: readonly string[] = ["pgp", "pkcs7", "pkcs11"];

/** As `LayerKeys.cipherFor`. */
export async function unwrapLayerKey(
  layer: Descriptor,
  options: UnwrapOptions,
  signal: AbortSignal,
): Promise<LayerCipher> {
  const { wrapped, hmac, nonce } = parseLayerEncryption(layer);
  const refused: string[] = [];
  // The cheapest first: programs are run only for what no file opens.
  for (const one of wrapped.toSorted((a, b) => Number(b.scheme === "jwe") - Number(a.scheme === "jwe"))) {
    try {
      const own = parseLayerKey(await unwrap(one, options, signal));
      const iv = nonce ?? own.nonce;
      if (iv?.length !== 16) throw new Fault("corrupt", "its nonce is not 16 bytes long");
      return { key: own.key, nonce: iv, hmac };
    } catch (error) {
      if (!isFault(error, "forbidden", "unimplemented", "corrupt", "unavailable")) throw error;
      refused.push(describeFault(error));
    }
  }
  throw new Fault(
    "forbidden",
    `layer ${layer.digest} is encrypted, and this node can't open it: ${refused.join("; ")}`,
    {
      hint: "keys belong in decryption.keysDirectory",
    },
  );
}

async function unwrap(
  { scheme, bytes }: WrappedKey,
  { settings, processes, path }: UnwrapOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (scheme === "jwe") return unwrapJwe(bytes, await readPrivateKeys(settings.keysDirectory));
  if (unsupported.includes(scheme))
    throw new Fault("unimplemented", `keys wrapped by ${scheme} are not supported`);
  const name = /^provider\.(.+)$/s.exec(scheme)?.[1];
  if (name === undefined)
    throw new Fault("unimplemented", `${JSON.stringify(scheme.slice(0, 60))} is no known way to wrap keys`);
  const providers = await readKeyProviders(settings.keyProviders);
  return askKeyProvider(name, bytes, { providers, file: settings.keyProviders, processes, path }, signal);
}
