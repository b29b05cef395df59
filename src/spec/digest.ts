import { createHash } from "node:crypto";
import { Fault } from "../base/fault.ts";
import type { ChainId, DiffId, Digest } from "../base/ids.ts";

const form = /^sha256:[0-9a-f]{64}$/;

/** True if `text` is a digest as berth keeps them: `sha256:` and 64 lower-case hexadecimal digits. */
export function isDigest(text: string): text is Digest {
  return form.test(text);
}

/**
 * Reads a digest (OCI image spec, descriptor: Digests). Of the registered algorithms, berth keeps sha256
 * only.
 *
 * @throws {Fault} unimplemented for another well-formed algorithm, invalid for anything else
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  if (/^(sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}|blake3:[0-9a-f]{64})$/.test(text)) {
    throw new Fault(
      "unimplemented",
      `digest algorithm ${text.slice(0, text.indexOf(":"))} is not supported, only sha256`,
    );
  }
  throw new Fault(
    "invalid",
    `${JSON.stringify(text.slice(0, 100))} is not a digest (sha256: and 64 hexadecimal digits)`,
  );
}

/** The sha256 digest of `bytes`. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return digestFromHex(createHash("sha256").update(bytes).digest("hex"));
}

/** Names a finished sha256 sum. */
export function digestFromHex(hex: string): Digest {
  return `sha256:${hex}` as Digest;
}

/** The hexadecimal part of a digest: the file name of a blob. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** The chain id of each layer of a stack, from the lowest (OCI image spec, config: Layer ChainID). */
export function chainIds(diffIds: readonly DiffId[]): ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chain;
}
