import { existsSync, mkdirSync, renameSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Fault } from "../base/fault.ts";
import { fileSystemState } from "../linux/file-system-state.ts";
import { errnoOf, kindOfErrno, systemFault } from "../linux/libc.ts";
import { remedyFor } from "../linux/remedy.ts";
import { refusalOfWrites } from "../linux/write-trial.ts";
import { givenRoom } from "./disk-reserve.ts";
import { corruption, errnoOfSqlite, isCorruption } from "./sqlite-error.ts";

/** "brth": tells berth's database from any other SQLite file. */
const applicationId = 0x62727468;
/** Raised with every change of the schema that an older berth could not read. */
const schemaVersion = 1;

const schema = `
  PRAGMA journal_mode = WAL;
  BEGIN;
  CREATE TABLE record (kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (kind, id)) STRICT;
  CREATE TABLE set_aside (
    kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL
  ) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
  COMMIT;
`;

/** A stored row as text. */
export interface Row {
  readonly kind: string;
  readonly id: string;
  readonly value: string;
}

/** Everything that a database file held when it was opened. */
export interface Stored {
  readonly rows: readonly Row[];
  /** Set when the file was corrupt and a new one was begun. */
  readonly replaced?: { readonly reason: string; readonly keptAs: string };
}

/**
 * Reads all of the database at `path`, making it if it isn't there. A corrupt file is renamed to
 * `<path>.corrupt-<time>`; the rows that can still be read from it begin the new one.
 *
 * @throws {Fault} wrongState for another program's database or a newer berth's; exhausted when the disk is full; internal
 * when it can't be opened
 */
export function readDatabase(path: string): Stored {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return { rows: givenRoom(path, () => readWhole(path)) };
  } catch (error) {
    if (!isCorruption(error))
      throw databaseFault("opening the database", path, error, refusalOfWrites(dirname(path)));
    const salvaged = salvage(path);
    const keptAs = moveAside(path);
    const rows = readWhole(path);
    insert(path, salvaged);
    return { rows: [...rows, ...salvaged], replaced: { reason: (error as Error).message, keptAs } };
  }
}

function readWhole(path: string): Row[] {
  using database = new DatabaseSync(path, { timeout: 5000 });
  prepareSchema(path, database);
  const verdict = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (verdict !== "ok") throw corruption(String(verdict));
  return database.prepare("SELECT kind, id, value FROM record ORDER BY rowid").all() as unknown as Row[];
}

function prepareSchema(path: string, database: DatabaseSync): void {
  const version = pragma(database, "user_version");
  const owner = pragma(database, "application_id");
  const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get()?.count;
  if (version === 0 && owner === 0 && tables === 0) {
    database.exec(schema);
    return;
  }
  if (owner !== applicationId) {
    throw new Fault("wrongState", `${path} is the database of another program`, {
      hint: "set another root directory, or move the file away",
    });
  }
  if (version > schemaVersion) {
    throw new Fault(
      "wrongState",
      `${path} was written by a newer berth: schema ${version}, not ${schemaVersion}`,
      {
        hint: "start that version again, or move the file away and lose the records of pods and images",
      },
    );
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** What can be read of a corrupt file: from its beginning, and from its end, until the damage. */
function salvage(path: string): Row[] {
  const rows = new Map<string, Row>();
  for (const order of ["ASC", "DESC"]) {
    try {
      using database = new DatabaseSync(path, { readOnly: true });
      const stored = database.prepare(
        `SELECT kind, id, value FROM record NOT INDEXED ORDER BY rowid ${order}`,
      );
      for (const row of stored.iterate() as Iterable<unknown>) {
        if (isRow(row)) rows.set(`${row.kind}\0${row.id}`, { kind: row.kind, id: row.id, value: row.value });
      }
    } catch {
      // The damage: what was read up to here is kept.
    }
  }
  return [...rows.values()];
}

function isRow(row: unknown): row is Row {
  const { kind, id, value } = row as Record<string, unknown>;
  return typeof kind === "string" && typeof id === "string" && typeof value === "string";
}

function moveAside(path: string): string {
  const keptAs = `${path}.corrupt-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, keptAs + suffix);
  }
  return keptAs;
}

function insert(path: string, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  using database = new DatabaseSync(path);
  const put = database.prepare("INSERT OR REPLACE INTO record (kind, id, value) VALUES (?, ?, ?)");
  database.exec("BEGIN");
  for (const row of rows) put.run(row.kind, row.id, row.value);
  database.exec("COMMIT");
}

/**
 * Has what was committed reach the disk: it is in the log, or was synced with the database when it left that. SQLite keeps no
 * lock on the log's file that closing it could lose.
 *
 * @throws {Fault} as the file system says
 */
export async function syncLog(path: string): Promise<void> {
  const log = `${path}-wal`;
  try {
    await using file = await open(log, "r");
    await file.datasync();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return; // nothing was written since the database was closed
    throw systemFault(`syncing ${log}`, error, { path });
  }
}

/**
 * What SQLite says of a database that it can't open, read or write.
 *
 * @param refusal how the file system refuses a file beside it; undefined: it does not
 */
export function databaseFault(
  doing: string,
  path: string,
  error: unknown,
  refusal: string | undefined,
): Fault {
  if (error instanceof Fault) return error;
  const errno = errnoOfSqlite(error, refusal, fileSystemState(path));
  const hint = remedyFor(errno, path);
  return new Fault(kindOfErrno(errno), `${doing} ${path}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
