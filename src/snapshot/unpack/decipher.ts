import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { Fault } from "../../base/fault.ts";
import type { LayerCipher } from "../unpack-contract.ts";
import type { Chunks } from "./stream.ts";

/**
 * Deciphers a layer as it comes. That it is whole and unchanged shows at its end: until then, what came out counts for
 * nothing.
 *
 * @throws {Fault} corrupt at the end, when it is another layer, or was deciphered with another key
 */
export async function* deciphered(
  blob: Chunks,
  { key, nonce, hmac }: LayerCipher,
): AsyncGenerator<Uint8Array> {
  const sum = createHmac("sha256", key);
  const decipher = createDecipheriv("aes-256-ctr", key, nonce);
  for await (const chunk of blob) {
    sum.update(chunk);
    yield decipher.update(chunk);
  }
  if (!timingSafeEqual(sum.digest(), hmac))
    throw new Fault("corrupt", "the encrypted layer is not what was encrypted (its HMAC differs)");
}
