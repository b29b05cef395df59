import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What disks promise to write whole. */
export const sectorBytes = 512;

/** What a disk was told to do. */
export interface LoggedWrite {
  /** Where on the disk, in bytes. */
  readonly at: number;
  readonly bytes: number;
  /** All that was written before is to be safe first. */
  readonly flush: boolean;
  /** It is safe itself once it is done. */
  readonly forced: boolean;
  /** Where in the log what was written lies. Undefined for a discard. */
  readonly data: number | undefined;
  /** Where in the log its entry ends. */
  readonly end: number;
}

/** A log of a disk's writes. */
export interface WriteLog {
  readonly writes: readonly LoggedWrite[];
  /** Where in it each mark stands that was set while it was written, by the mark's text. */
  readonly marks: ReadonlyMap<string, number>;
}

/** `struct log_write_entry` of Linux's drivers/md/dm-log-writes.c, which QEMU's blklogwrites writes as well. */
const [flushFlag, forcedFlag, discardFlag, markFlag] = [1, 2, 4, 8];
const magic = 0x6a736677736872n;
const entryBytes = 32;

/**
 * Reads the entries of a log. What the log's head says of their number is not looked at: it is written now and
 * then, and this log may have ended at any moment. An entry that is not whole is not given.
 */
export function readWriteLog(path: string): WriteLog {
  const writes: LoggedWrite[] = [];
  const marks = new Map<string, number>();
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(sectorBytes);
    readSync(file, head, 0, sectorBytes, 0);
    if (head.readBigUInt64LE(0) !== magic) throw new Error(`${path} is no log of a disk's writes`);
    if (head.readUInt32LE(24) !== sectorBytes) throw new Error(`${path} counts in sectors of another size`);
    const { size } = fstatSync(file);
    for (let at = sectorBytes; at + sectorBytes <= size; ) {
      readSync(file, head, 0, sectorBytes, at);
      // A log on a disk is followed by what the disk held before.
      if (head.every((byte) => byte === 0)) break;
      const write = writeOf(head, at);
      if (write.end > size) break;
      const mark = markOf(head);
      if (mark === undefined) writes.push(write);
      else marks.set(mark, write.end);
      at = write.end;
    }
  } finally {
    closeSync(file);
  }
  return { writes, marks };
}

function writeOf(head: Buffer, at: number): LoggedWrite {
  const bytes = Number(head.readBigUInt64LE(8)) * sectorBytes;
  const isDiscard = hasFlag(head, discardFlag);
  const data = at + sectorBytes;
  return {
    at: Number(head.readBigUInt64LE(0)) * sectorBytes,
    bytes,
    flush: hasFlag(head, flushFlag),
    forced: hasFlag(head, forcedFlag),
    data: isDiscard ? undefined : data,
    end: isDiscard ? data : data + bytes,
  };
}

function markOf(head: Buffer): string | undefined {
  if (!hasFlag(head, markFlag)) return undefined;
  return head.toString("latin1", entryBytes, entryBytes + Number(head.readBigUInt64LE(24)));
}

function hasFlag(head: Buffer, flag: number): boolean {
  return (Number(head.readBigUInt64LE(16)) & flag) !== 0;
}
