import type { ImageSignature } from "../policy/contract.ts";
import type { SignedManifests } from "./contract.ts";

/**
 * What both know; the newer may tell of the signatures that the older has.
 *
 * @returns `older` itself, when it knows all of it
 */
export function mergeSigned(
  older: SignedManifests | undefined,
  newer: SignedManifests | undefined,
): SignedManifests | undefined {
  if (older === undefined || newer === undefined) return newer ?? older;
  const digests = [...new Set([...older.digests, ...newer.digests])];
  const signatures = [...newer.signatures, ...older.signatures].filter(isFirst);
  const same = digests.length === older.digests.length && signatures.length === older.signatures.length;
  return same ? older : { digests, signatures };
}

function isFirst(one: ImageSignature, index: number, all: readonly ImageSignature[]): boolean {
  const text = JSON.stringify([one.kind, one.content, one.annotations]);
  return (
    all.findIndex(
      ({ kind, content, annotations }) => JSON.stringify([kind, content, annotations]) === text,
    ) === index
  );
}
