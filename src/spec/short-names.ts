import { Fault } from "../base/fault.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";

/** What names without a registry mean (containers-registries.conf(5), "unqualified-search-registries"). */
export interface ShortNames {
  /** Registries, perhaps with a path, in the order in which they are asked. */
  readonly search: readonly string[];
  /** By short name, without tag and digest: the repository that is meant. Stronger than `search`. */
  readonly aliases: Readonly<Record<string, string>>;
  /** "enforcing": a name that could be in several registries is refused. */
  readonly mode: "permissive" | "enforcing";
}

/** As Docker's and containerd's users expect it. */
export const usualShortNames: ShortNames = { search: ["docker.io"], aliases: {}, mode: "permissive" };

/** True for `app`, `team/app:1`; false where a registry is named: `registry.example/app`, `localhost/app`. */
export function isShortName(text: string): boolean {
  const [first = "", ...rest] = (text.split("@")[0] ?? "").split("/");
  return rest.length === 0 || !(/[.:A-Z[]/.test(first) || first === "localhost");
}

/**
 * What a reference may mean, in the order in which it is to be tried; one unless it is a short name.
 *
 * @throws {Fault} invalid for what is no reference, and where short names are forbidden or ambiguous
 */
export function candidatesOf(text: string, names: ShortNames): readonly Reference[] {
  const usual = parseReference(text);
  if (!isShortName(text)) return [usual];
  const [, name = text, rest = ""] = /^([^:@]*)(.*)$/s.exec(text) ?? [];
  const alias = Object.hasOwn(names.aliases, name) ? names.aliases[name] : undefined;
  if (alias !== undefined) return [qualified(`${alias}${rest}`, `the alias of "${name}"`)];
  const all = names.search.map((registry) => qualified(`${registry}/${text}`, `"${registry}"`));
  const byName = new Map(all.map((each) => [formatReference(each), each]));
  if (byName.size === 0) {
    throw new Fault("invalid", `"${text}" names no registry`, {
      hint: "write it in full, or set registry.searchRegistries or an alias",
    });
  }
  if (byName.size > 1 && names.mode === "enforcing") {
    throw new Fault("invalid", `"${text}" may mean any of ${[...byName.keys()].join(", ")}`, {
      hint: `write it in full, or set an alias; registry.shortNameMode is "enforcing"`,
    });
  }
  return [...byName.values()];
}

function qualified(text: string, source: string): Reference {
  const reference = parseReference(text);
  if (!isShortName(text)) return reference;
  throw new Fault("invalid", `${source} names no registry`, {
    hint: "see registry.searchRegistries and registry.aliases",
  });
}
