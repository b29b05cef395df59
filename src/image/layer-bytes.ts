import { createHash } from "node:crypto";
import { during, Fault } from "../base/fault.ts";
import { digestFromHex } from "../spec/digest.ts";
import { parseReference, type Reference, repositoryName } from "../spec/reference.ts";
import type { ImageLayer, ImageRecord, RegistryAuth } from "./contract.ts";
import type { ImageParts } from "./parts.ts";

/** What a registry is shown by whoever wants something of it; undefined: nothing. */
export type AuthFor = (reference: Reference) => RegistryAuth | undefined;

/**
 * A layer's blob: from the store, or, where it was dropped once it was unpacked, from a registry that has it. An unpacked
 * tree doesn't give it back bit by bit. Verified as it passes: the reading fails at the end when it was not the blob.
 *
 * @throws {Fault} what the registry said, and what to do; corrupt
 */
export async function* layerBytes(
  record: ImageRecord,
  blob: ImageLayer["blob"],
  parts: Pick<ImageParts, "store" | "registry">,
  authFor: AuthFor,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { store, registry } = parts;
  if ((await store.content.size(blob.digest)) === blob.size) {
    yield* store.content.stream(blob.digest, signal);
    return;
  }
  let failure: unknown;
  for (const source of sourcesOf(record, blob, parts)) {
    let came = false;
    try {
      const repository = await registry.repository(source, authFor(source));
      for await (const chunk of verified(repository.blob(blob, signal), blob)) {
        came = true;
        yield chunk;
      }
      return;
    } catch (error) {
      failure ??= error;
      if (came || signal.aborted) throw lost(blob, error);
    }
  }
  throw lost(blob, failure ?? new Fault("notFound", "the image has no name to fetch it by"));
}

/** Repositories that have the blob: where the image came from first, then where others with that layer did. */
function sourcesOf(
  record: ImageRecord,
  { digest }: ImageLayer["blob"],
  { store }: Pick<ImageParts, "store">,
): Iterable<Reference> {
  const others = [...store.records.values()].filter(
    ({ id, layers }) => id !== record.id && layers.some(({ blob }) => blob.digest === digest),
  );
  const names = [record, ...others].flatMap(({ digests, tags }) => [...digests, ...tags]);
  const byRepository = new Map<string, Reference>();
  for (const name of names) {
    const reference = parseReference(name);
    if (!byRepository.has(repositoryName(reference))) byRepository.set(repositoryName(reference), reference);
  }
  return byRepository.values();
}

async function* verified(
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: ImageLayer["blob"],
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  let came = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    came += chunk.length;
    yield chunk;
  }
  if (came !== size || digestFromHex(hash.digest("hex")) !== digest)
    throw new Fault("corrupt", `what came for ${digest} is not what the manifest names`);
}

function lost({ digest }: ImageLayer["blob"], error: unknown): Fault {
  return during(
    `layer ${digest} was dropped once it was unpacked, and can't be fetched again`,
    error,
    "to keep blobs, set image.keepLayerBlobs and pull the image again, or load it from an archive",
  );
}
