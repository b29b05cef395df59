import type { RecordIndex } from "./contract.ts";

/** An index of a table, told of each change that is committed. */
export class CommittedIndex<Id extends string, Value> implements RecordIndex<Value> {
  readonly #keyOf: (value: Value) => string;
  readonly #records = new Map<string, Map<Id, Value>>();

  constructor(keyOf: (value: Value) => string) {
    this.#keyOf = keyOf;
  }

  all(key: string): Iterable<Value> {
    return this.#records.get(key)?.values() ?? [];
  }

  /** `before`: what the id had; undefined for a new one. `after`: undefined for one that is deleted. */
  changed(id: Id, before: Value | undefined, after: Value | undefined): void {
    const old = before === undefined ? undefined : this.#keyOf(before);
    const now = after === undefined ? undefined : this.#keyOf(after);
    if (old !== undefined && old !== now) this.#remove(old, id);
    if (after === undefined || now === undefined) return;
    const there = this.#records.get(now);
    if (there === undefined) this.#records.set(now, new Map([[id, after]]));
    else there.set(id, after);
  }

  #remove(key: string, id: Id): void {
    const there = this.#records.get(key);
    there?.delete(id);
    if (there?.size === 0) this.#records.delete(key);
  }
}
