import { parentPort, workerData } from "node:worker_threads";
import { keepReserve, releaseReserve } from "./disk-reserve.ts";
import type { Operation, WriterAnswer, WriterRequest } from "./operation.ts";
import { isFull } from "./sqlite-error.ts";
import { WrittenDatabase } from "./written-database.ts";

/** Runs on a worker thread of its own and is the only writer of the database while the daemon runs. */

/** Without writes for so long, what was committed is moved from the log to the database and synced. */
const quietMs = 500;

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");
const { path } = workerData as { path: string };

let database: WrittenDatabase | undefined;

/** The reserve is not for a record that is so large: it would be gone for those that free the disk. */
const largeText = 1 << 18;

function* attempts(batch: readonly Operation[]): Generator<void> {
  yield;
  database?.checkpoint(); // the log is begun anew, in the room that it has
  yield;
  const size = batch.reduce(
    (sum, operation) => sum + (operation.op === "put" ? operation.value.length : 0),
    0,
  );
  if (size < largeText && releaseReserve(path)) yield;
}

/** On a full disk, room is made before the batch is given up. */
function commit(batch: readonly Operation[]): WriterAnswer {
  let failure: unknown;
  for (const _ of attempts(batch)) {
    try {
      database ??= new WrittenDatabase(path);
      database.commit(batch);
      return { committed: true };
    } catch (error) {
      failure = error;
      if (!isFull(error)) break;
    }
  }
  if (!isFull(failure)) closeAfterFailure();
  const { message, errcode = 0 } = failure as Error & { errcode?: number };
  return { committed: false, reason: message, errcode };
}

/** What is open may be of a disk that is gone: the next write opens what is there then. */
function closeAfterFailure(): void {
  try {
    database?.close();
  } catch {
    // it could not be brought in order: the next opening does that
  }
  database = undefined;
}

/** What can't be done now is done after the next write, which meets the cause itself. */
function settle(): void {
  try {
    database?.checkpoint();
    keepReserve(path);
    database?.keepSpare();
  } catch {}
}

let settling: NodeJS.Timeout | undefined;

port.on("message", (request: WriterRequest) => {
  clearTimeout(settling);
  if ("end" in request) {
    closeAfterFailure();
    port.close();
    return;
  }
  port.postMessage(commit(request.commit));
  settling = setTimeout(settle, quietMs);
});
