import type { RecordIndex, RecordTable } from "./contract.ts";
import { encodeRecord } from "./json.ts";
import { CommittedIndex } from "./record-index.ts";
import type { Writer } from "./writer.ts";

/** A table whose committed state lies in a map. */
export class WrittenTable<Id extends string, Value> implements RecordTable<Id, Value> {
  readonly #name: string;
  readonly #writer: Writer;
  readonly #committed: Map<Id, Value>;
  readonly #indexes: CommittedIndex<Id, Value>[] = [];

  /** `committed`: what the database holds now; this table goes on with it as its own. */
  constructor(name: string, writer: Writer, committed: Map<Id, Value>) {
    this.#name = name;
    this.#writer = writer;
    this.#committed = committed;
  }

  get(id: Id): Value | undefined {
    return this.#committed.get(id);
  }

  values(): IterableIterator<Value> {
    return this.#committed.values();
  }

  get size(): number {
    return this.#committed.size;
  }

  async put(id: Id, value: Value): Promise<void> {
    const operation = { op: "put", table: this.#name, id, value: encodeRecord(value) } as const;
    await this.#writer.write(operation, () => this.#change(id, value));
  }

  async delete(id: Id): Promise<void> {
    await this.#writer.write({ op: "delete", table: this.#name, id }, () => this.#change(id, undefined));
  }

  index(keyOf: (value: Value) => string): RecordIndex<Value> {
    const index = new CommittedIndex<Id, Value>(keyOf);
    for (const [id, value] of this.#committed) index.changed(id, undefined, value);
    this.#indexes.push(index);
    return index;
  }

  #change(id: Id, value: Value | undefined): void {
    const before = this.#committed.get(id);
    if (value === undefined) this.#committed.delete(id);
    else this.#committed.set(id, value);
    for (const index of this.#indexes) index.changed(id, before, value);
  }
}
