import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { Operation, WriterAnswer, WriterRequest } from "./operation.ts";

/** Runs on a worker thread of its own and is the only writer of the database while the daemon runs. */

const sqliteFull = 13;
/** Without writes for so long, what was committed is moved from the log to the database and synced. */
const quietMs = 500;

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");

const database = new DatabaseSync((workerData as { path: string }).path, { timeout: 5000 });
// NORMAL: a commit doesn't wait for the disk. A kill of the process loses nothing; a power cut loses the last
// commits, whole ones. The automatic checkpoint is only for bursts that never pause.
database.exec(
  "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216",
);
const put = database.prepare("INSERT OR REPLACE INTO record (kind, id, value) VALUES (?, ?, ?)");
const remove = database.prepare("DELETE FROM record WHERE kind = ? AND id = ?");
const copyAside = database.prepare(
  `INSERT INTO set_aside (kind, id, value, reason, at)
   SELECT kind, id, value, ?, datetime('now') FROM record WHERE kind = ? AND id = ?`,
);

function apply(operation: Operation): void {
  const { table, id } = operation;
  switch (operation.op) {
    case "put":
      put.run(table, id, operation.value);
      return;
    case "delete":
      remove.run(table, id);
      return;
    case "setAside":
      copyAside.run(operation.reason, table, id);
      remove.run(table, id);
      return;
  }
}

function commit(batch: readonly Operation[]): WriterAnswer {
  try {
    database.exec("BEGIN IMMEDIATE");
    for (const operation of batch) apply(operation);
    database.exec("COMMIT");
    return { committed: true };
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    const code = (error as { errcode?: number }).errcode ?? 0;
    return { committed: false, reason: (error as Error).message, full: (code & 0xff) === sqliteFull };
  }
}

let checkpoint: NodeJS.Timeout | undefined;

port.on("message", (request: WriterRequest) => {
  clearTimeout(checkpoint);
  if ("end" in request) {
    database.close();
    port.close();
    return;
  }
  port.postMessage(commit(request.commit));
  // Should it fail, this thread ends with the error, and the next write starts another and meets the cause
  // itself.
  checkpoint = setTimeout(() => database.exec("PRAGMA wal_checkpoint(PASSIVE)"), quietMs);
});
