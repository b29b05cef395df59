import { statSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { hasRoom } from "./disk-reserve.ts";
import type { Operation } from "./operation.ts";

/**
 * Pages that the database and its log have to spare, each: what is written within them needs nothing of the disk, so that
 * ends and removals are recorded on a full one.
 */
const sparePages = 256;

/** The database as its only writer has it. Everything throws as SQLite does. */
export class WrittenDatabase {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #copyAside: StatementSync;

  constructor(path: string) {
    const database = new DatabaseSync(path, { timeout: 5000 });
    this.#path = path;
    this.#database = database;
    // NORMAL: a commit doesn't wait for the disk. A kill of the process loses nothing; a power cut loses the last
    // commits, whole ones. The automatic checkpoint is only for bursts that never pause.
    database.exec(
      "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216",
    );
    this.#put = database.prepare("INSERT OR REPLACE INTO record (kind, id, value) VALUES (?, ?, ?)");
    this.#remove = database.prepare("DELETE FROM record WHERE kind = ? AND id = ?");
    this.#copyAside = database.prepare(
      `INSERT INTO set_aside (kind, id, value, reason, at)
       SELECT kind, id, value, ?, datetime('now') FROM record WHERE kind = ? AND id = ?`,
    );
  }

  /** All of them, or none. */
  commit(batch: readonly Operation[]): void {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const operation of batch) this.#apply(operation);
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #apply(operation: Operation): void {
    const { table, id } = operation;
    switch (operation.op) {
      case "put":
        this.#put.run(table, id, operation.value);
        return;
      case "delete":
        this.#remove.run(table, id);
        return;
      case "setAside":
        this.#copyAside.run(operation.reason, table, id);
        this.#remove.run(table, id);
        return;
    }
  }

  /** Moves what was committed from the log to the database, and syncs it; the next commit begins the log anew. */
  checkpoint(): void {
    this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  /** Has pages to spare, where there is room for them: what was written once and removed keeps its place. */
  keepSpare(): void {
    const { freelist_count: free, page_size: pageSize } = {
      ...this.#database.prepare("PRAGMA freelist_count").get(),
      ...this.#database.prepare("PRAGMA page_size").get(),
    } as Record<string, number>;
    const spareBytes = sparePages * (pageSize ?? 4096);
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if ((free ?? 0) >= sparePages / 2 && log >= spareBytes) return;
    if (!hasRoom(this.#path, 2 * spareBytes)) return;
    // in two transactions: of pages that are freed in the one that took them, nothing is written
    this.#put.run("spare", "spare", " ".repeat(spareBytes));
    this.#remove.run("spare", "spare");
    this.checkpoint();
    this.#database.exec("PRAGMA shrink_memory");
  }

  close(): void {
    this.#database.close();
  }
}
