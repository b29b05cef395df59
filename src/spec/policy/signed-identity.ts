import { Fault } from "../../base/fault.ts";
import { parseReference, type Reference, repositoryName } from "../reference.ts";

/** Which name a signature must be for (containers-policy.json(5), signedIdentity). */
export type SignedIdentity =
  | { readonly type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string };

/**
 * True if a signature for the name `signed` counts for `image`. That it is for the image's digest is for others to see:
 * of an image that is named by its digest, the repository is compared alone.
 */
export function identityMatches(identity: SignedIdentity, image: Reference, signed: string): boolean {
  const repository = repositoryName(image);
  switch (identity.type) {
    case "matchExact":
      return tagOrDigestOf(signed) === exactName(image);
    case "matchRepoDigestOrExact":
      return matchesRepoDigestOrExact(repository, image, signed);
    case "matchRepository":
      return repositoryOf(signed) === repository;
    case "exactReference":
      return tagOrDigestOf(signed) === tagOrDigestOf(identity.dockerReference);
    case "exactRepository":
      return repositoryOf(signed) === repositoryOf(identity.dockerRepository);
    case "remapIdentity":
      return matchesRepoDigestOrExact(
        remapped(repository, identity.prefix, identity.signedPrefix),
        image,
        signed,
      );
  }
}

function matchesRepoDigestOrExact(repository: string, image: Reference, signed: string): boolean {
  const full = tagOrDigestOf(signed);
  if (full === undefined) return false;
  if (image.digest !== undefined) return repositoryOf(signed) === repository;
  return full === `${repository}:${image.tag}`;
}

function exactName(image: Reference): string {
  const name = repositoryName(image);
  return image.digest === undefined ? `${name}:${image.tag}` : `${name}@${image.digest}`;
}

function remapped(repository: string, prefix: string, signedPrefix: string): string {
  if (repository !== prefix && !repository.startsWith(`${prefix}/`)) return repository;
  return `${signedPrefix}${repository.slice(prefix.length)}`;
}

/** `host/repository` of a name as signatures and policies have it; undefined for what is none. */
export function repositoryOf(name: string): string | undefined {
  const read = readName(name);
  return read && repositoryName(read);
}

/** The whole name, normalised; undefined for what is none, or has neither a tag nor a digest. */
export function tagOrDigestOf(name: string): string | undefined {
  const read = readName(name);
  if (read === undefined || (read.digest === undefined && !name.endsWith(`:${read.tag}`))) return undefined;
  const tag = read.tag === undefined ? "" : `:${read.tag}`;
  return `${repositoryName(read)}${tag}${read.digest === undefined ? "" : `@${read.digest}`}`;
}

function readName(name: string): Reference | undefined {
  try {
    return parseReference(name);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
