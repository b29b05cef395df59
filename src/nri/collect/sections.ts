import type { Field } from "../../wire/gen/nri.v1alpha1.ts";
import type { Owners } from "./owners.ts";

/** One plugin's claims to what one container is given. */
export interface Claims {
  claim(field: Field, key?: string): void;
  clear(field: Field, key?: string): void;
  share(field: Field): void;
}

export function claimsOf(owners: Owners, container: string, plugin: string): Claims {
  return {
    claim: (field, key) => owners.claim(container, field, plugin, key),
    clear: (field, key) => owners.clear(container, field, plugin, key),
    share: (field) => owners.share(container, field, plugin),
  };
}

/** A name that begins with "-" takes away what has the rest as its name. */
export function removes(name: string): boolean {
  return name.startsWith("-");
}

type Table<Value> = Record<string, Value>;

/** Names with values. Removals come first, so that one answer may take away and set the same. */
export function collectTable<Value>(
  answer: Table<Value>,
  { seen, collected }: { readonly seen: Table<Value>; readonly collected: Table<Value> },
  field: Field,
  claims: Claims,
): void {
  const entries = Object.entries(answer);
  for (const [marked, value] of entries.filter(([name]) => removes(name))) {
    const name = marked.slice(1);
    claims.clear(field, name);
    delete seen[name];
    delete collected[name];
    collected[marked] = value;
  }
  for (const [name, value] of entries.filter(([name]) => !removes(name))) {
    claims.claim(field, name);
    seen[name] = value;
    collected[name] = value;
  }
}

/** A list of things that have names. As with tables, removals come first. */
export function collectList<Item>(
  answer: readonly Item[],
  before: { readonly seen: readonly Item[]; readonly collected: readonly Item[] },
  field: Field,
  nameOf: (item: Item) => string,
  claims: Claims,
): { seen: Item[]; collected: Item[] } {
  const removals = answer.filter((item) => removes(nameOf(item)));
  const removed = new Set(removals.map((item) => nameOf(item).slice(1)));
  const set = answer.filter((item) => !removes(nameOf(item)));
  for (const name of removed) claims.clear(field, name);
  for (const item of set) claims.claim(field, nameOf(item));
  const replaced = new Set([...removed, ...set.map(nameOf)]);
  return {
    seen: [...before.seen.filter((item) => !replaced.has(nameOf(item))), ...set],
    collected: [...before.collected.filter((item) => !removed.has(nameOf(item))), ...removals, ...set],
  };
}

/** Single values: each that is there is claimed, and set in every target. */
export function collectValues<Message extends object>(
  answer: Message | undefined,
  targets: readonly Message[],
  fields: readonly (readonly [keyof Message, Field])[],
  claims: Claims,
): void {
  for (const [name, field] of fields) {
    const value = answer?.[name];
    if (value === undefined || value === "") continue;
    claims.claim(field);
    for (const target of targets) target[name] = value;
  }
}
