import { formatReference, type Reference, repositoryName } from "./reference.ts";

/**
 * The first of the rules that is for the reference, as the prefixes of containers-registries.conf(5): `registry.example`,
 * `registry.example/team`, `registry.example/team/app:1`, `*.example`.
 */
export function ruleFor(reference: Reference, rules: readonly string[]): string | undefined {
  return rules.find((rule) => isFor(rule, reference));
}

function isFor(rule: string, reference: Reference): boolean {
  if (rule.startsWith("*.")) {
    const name = reference.host.replace(/:[0-9]+$/, "");
    return name.toLowerCase().endsWith(rule.slice(1).toLowerCase());
  }
  const slash = rule.indexOf("/");
  const host = slash < 0 ? rule : rule.slice(0, slash);
  if (host.toLowerCase() !== reference.host.toLowerCase()) return false;
  const path = slash < 0 ? "" : rule.slice(slash);
  const names = [`${repositoryName(reference)}/`, `${formatReference(reference)}/`];
  const tagged = reference.tag === undefined ? [] : [`${repositoryName(reference)}:${reference.tag}/`];
  return [...names, ...tagged].some((name) =>
    name.slice(reference.host.length).startsWith(`${path.replace(/\/+$/, "")}/`),
  );
}
