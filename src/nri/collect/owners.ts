import { Fault } from "../../base/fault.ts";
import { Field, type FieldOwners, type OwningPlugins } from "../../wire/gen/nri.v1alpha1.ts";

interface Owned {
  readonly field: Field;
  /** Which of several: a mount's path, a variable's name; "" where there is one. */
  readonly key: string;
  /** "-<plugin>": it took the field from its owner, and set nothing itself. */
  owner: string;
}

/** Which plugin set what of which container, in one request. Nothing is set by two. */
export class Owners {
  readonly #containers = new Map<string, Map<string, Owned>>();

  /** @throws {Fault} wrongState when another plugin has it, naming both */
  claim(container: string, field: Field, plugin: string, key = ""): void {
    const owned = this.#owned(container, field, key);
    if (owned.owner !== "" && !owned.owner.startsWith("-")) {
      const who = owned.owner === plugin ? `${plugin}, twice` : `${owned.owner} and ${plugin} both`;
      throw new Fault("wrongState", `NRI plugins: ${fieldName(field, key)} was set by ${who}`, {
        hint: "change or stop one of the plugins; one of a higher index may remove what another has set",
      });
    }
    owned.owner = plugin;
  }

  /** Hooks are added, by as many plugins as like. */
  share(container: string, field: Field, plugin: string): void {
    const owned = this.#owned(container, field, "");
    owned.owner = owned.owner === "" ? plugin : `${owned.owner},${plugin}`;
  }

  /** Nobody has set it any more: the next may. */
  clear(container: string, field: Field, plugin: string, key = ""): void {
    this.#owned(container, field, key).owner = `-${plugin}`;
  }

  /** Who set what of a container, in words. */
  list(container: string): Record<string, string> {
    const all = [...(this.#containers.get(container)?.values() ?? [])];
    return Object.fromEntries(all.map(({ field, key, owner }) => [fieldName(field, key), owner]));
  }

  message(): OwningPlugins {
    const owners = Array.from(
      this.#containers,
      ([id, fields]) => [id, fieldOwners(fields.values())] as const,
    );
    return { owners: Object.fromEntries(owners) };
  }

  #owned(container: string, field: Field, key: string): Owned {
    const fields = this.#containers.get(container) ?? new Map<string, Owned>();
    this.#containers.set(container, fields);
    const name = `${field} ${key}`;
    const owned = fields.get(name) ?? { field, key, owner: "" };
    fields.set(name, owned);
    return owned;
  }
}

function fieldOwners(fields: Iterable<Owned>): FieldOwners {
  const message: FieldOwners = { simple: {}, compound: {} };
  for (const { field, key, owner } of fields) {
    if (key === "") message.simple[field] = owner;
    else {
      message.compound[field] ??= { owners: {} };
      message.compound[field].owners[key] = owner;
    }
  }
  return message;
}

const words: ReadonlyMap<Field, string> = new Map(
  Object.entries(Field).map(([name, field]) => [
    field,
    name.replace("FIELD_", "").toLowerCase().replaceAll("_", " "),
  ]),
);

/** As in `env PATH`. */
export function fieldName(field: Field, key: string): string {
  return [words.get(field) ?? `field ${field}`, key].filter((part) => part !== "").join(" ");
}
