import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { refusalOfWrites } from "../linux/write-trial.ts";
import { givenRoom, keepReserve, releaseReserve } from "./disk-reserve.ts";
import type { Operation, WriteFailure, WriterAnswer, WriterNotice, WriterRequest } from "./operation.ts";
import { isFull, isRefused } from "./sqlite-error.ts";
import { WrittenDatabase } from "./written-database.ts";

/** Runs on a worker thread of its own and is the only writer of the database while the daemon runs. */

/** Without writes for so long, what was committed is moved from the log to the database and synced. */
const quietMs = 500;

const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");
const { path } = workerData as { path: string };

let database: WrittenDatabase | undefined;

/**
 * Why what was committed can't be synced. A file system that writes nothing any more may go on taking what has its place in
 * the log, of which nothing would be left.
 */
let unsynced: WriteFailure | undefined;

/** The reserve is not for a record that is so large: it would be gone for those that free the disk. */
const largeText = 1 << 18;

/** What is done on a full disk before a batch is given up, the gentlest first. */
const makingRoom: readonly ((batch: readonly Operation[]) => void)[] = [
  () => database?.checkpoint(), // the log is begun anew, in the room that it has
  (batch) => {
    const size = batch.reduce(
      (sum, operation) => sum + (operation.op === "put" ? operation.value.length : 0),
      0,
    );
    if (size < largeText) releaseReserve(path);
  },
];

function commit(batch: readonly Operation[]): WriterAnswer {
  if (unsynced !== undefined) {
    const refusal = refusalOfWrites(dirname(path));
    if (refusal !== undefined) return { committed: false, ...unsynced, refusal };
    unsynced = undefined;
  }
  let failure = failureOf(() => open().commit(batch));
  for (const makeRoom of makingRoom) {
    if (!isFull(failure)) break;
    failureOf(() => makeRoom(batch)); // whether it could be made shows in the next try
    failure = failureOf(() => open().commit(batch));
  }
  if (failure === undefined) return { committed: true };
  if (!isFull(failure)) closeAfterFailure();
  return { committed: false, ...writeFailure(failure) };
}

function writeFailure(failure: unknown): WriteFailure {
  const { message, errcode = 0 } = failure as Error & { errcode?: number };
  const refusal = isRefused(failure) ? refusalOfWrites(dirname(path)) : undefined;
  return { reason: message, errcode, refusal };
}

function open(): WrittenDatabase {
  if (database !== undefined) return database;
  database = givenRoom(path, () => new WrittenDatabase(path));
  keepRoom();
  return database;
}

function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What is open may be of a disk that is gone: the next write opens what is there then, and brings it in order. */
function closeAfterFailure(): void {
  failureOf(() => database?.close());
  database = undefined;
}

/** For when the disk is full. What can't be had now is asked for after the next write. */
function keepRoom(): void {
  failureOf(() => database?.keepSpare());
  failureOf(() => keepReserve(path));
}

/** Should it fail on a file system that takes other files, the next write meets the cause itself. */
function settle(): void {
  const failure = failureOf(() => database?.checkpoint());
  const told = failure === undefined ? undefined : writeFailure(failure);
  if (told?.refusal !== undefined) {
    closeAfterFailure();
    unsynced = told;
    port?.postMessage({ unsynced: told } satisfies WriterNotice);
  }
  keepRoom();
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
