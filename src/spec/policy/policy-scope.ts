import { formatReference, type Reference, repositoryName } from "../reference.ts";
import { keyPath } from "../strict-json.ts";
import type { Policy, PolicyRequirement } from "./policy.ts";

/** The part of a policy that counts for an image. */
export interface ApplicableRequirements {
  /** Where in the policy: `default`, `transports.docker["quay.io/ns"]`. */
  readonly path: string;
  /** The scope: undefined for the policy's default, empty for the transport's. */
  readonly scope: string | undefined;
  readonly requirements: readonly PolicyRequirement[];
}

/** What the policy wants of an image from a registry: what its narrowest scope says that fits, and nothing else. */
export function requirementsFor(policy: Policy, image: Reference): ApplicableRequirements {
  return requirementsIn(policy, "docker", [...scopesOf(image), ""]);
}

/** Of the first of `scopes` that the policy has for `transport`, else its default. */
function requirementsIn(
  policy: Policy,
  transport: string,
  scopes: readonly string[],
): ApplicableRequirements {
  const known = policy.transports.get(transport);
  for (const scope of scopes) {
    const requirements = known?.get(scope);
    if (requirements === undefined) continue;
    return { path: keyPath(["transports", transport, scope]), scope, requirements };
  }
  return { path: "default", scope: undefined, requirements: policy.default };
}

/**
 * The scopes that an image is in, from the narrowest: its name, its repository, what that lies in, the host, and the
 * host's domains (`*.example.com`; a port is left out of those).
 */
export function scopesOf(image: Reference): string[] {
  const scopes = [formatReference(image)];
  for (let name = repositoryName(image); ; name = name.slice(0, name.lastIndexOf("/"))) {
    scopes.push(name);
    if (!name.includes("/")) break;
  }
  const labels = image.host.replace(/:.*$/, "").split(".");
  for (let from = 1; from < labels.length; from++) scopes.push(`*.${labels.slice(from).join(".")}`);
  return scopes;
}
