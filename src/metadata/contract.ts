/**
 * A kind of record, by id. Reads are served from the last committed state in memory, at once and without a
 * lock; writes are committed in groups by the writer thread.
 *
 * Records are immutable: change one by putting a new one.
 */
export interface RecordTable<Id extends string, Value> {
  get(id: Id): Value | undefined;
  values(): IterableIterator<Value>;
  readonly size: number;
  /**
   * Resolves when the record is committed; readers see it from then on. Writes of one id take effect in call
   * order.
   */
  put(id: Id, value: Value): Promise<void>;
  /** Resolves when the deletion is committed. Deleting what is not there succeeds. */
  delete(id: Id): Promise<void>;
  /** An index of the committed records by `keyOf`, kept from now on. */
  index(keyOf: (value: Value) => string): RecordIndex<Value>;
}

/** Finds records by something that they hold. */
export interface RecordIndex<Value> {
  /** The committed records of this key, in the order in which they came to have it. */
  all(key: string): Iterable<Value>;
}

/** A stored row that could not be read back: kept aside, reported, never served. */
export interface SetAside {
  readonly table: string;
  readonly id: string;
  readonly reason: string;
}

/**
 * The daemon's database. One process writes it; a kill at any moment loses at most uncommitted writes, a power cut the last
 * committed ones, too, unless `sync` was called for them.
 */
export interface Metadata {
  /**
   * Opens a table, reading all its rows into memory. `parse` gets the decoded JSON (bigints restored) and
   * throws when the row is not a valid record; such a row is set aside.
   */
  table<Id extends string, Value>(name: string, parse: (value: unknown) => Value): RecordTable<Id, Value>;
  readonly setAside: readonly SetAside[];
  /**
   * Has everything that was committed before the call survive a power cut, too.
   *
   * @throws {Fault} internal or exhausted when the file system says so
   */
  sync(): Promise<void>;
  /** Why nothing could be written when that was last tried, but for a full disk; undefined: it could. */
  problem(): Error | undefined;
  /** Where there is such a problem, writes something and takes it away again, to see whether there still is. */
  retry(): Promise<void>;
  close(): Promise<void>;
}
