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

/** `struct log_write_entry` of Linux's drivers/md/dm-log-writes.c, which QEMU's blklogwrites writes as well. */
const [flushFlag, forcedFlag, discardFlag] = [1, 2, 4];
const magic = 0x6a736677736872n;

/**
 * Reads the entries of a log in their order. What the log's head says of their number is not looked at: it is written now and
 * then, and this log may have ended at any moment. An entry that is not whole is not given.
 */
export function* readWriteLog(path: string): Generator<LoggedWrite> {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(sectorBytes);
    readSync(file, head, 0, sectorBytes, 0);
    if (head.readBigUInt64LE(0) !== magic) throw new Error(`${path} is no log of a disk's writes`);
    if (head.readUInt32LE(24) !== sectorBytes) throw new Error(`${path} counts in sectors of another size`);
    const { size } = fstatSync(file);
    for (let at = sectorBytes; at + sectorBytes <= size; ) {
      readSync(file, head, 0, sectorBytes, at);
      const flags = Number(head.readBigUInt64LE(16));
      const bytes = Number(head.readBigUInt64LE(8)) * sectorBytes;
      const isDiscard = (flags & discardFlag) !== 0;
      const data = at + sectorBytes;
      const end = isDiscard ? data : data + bytes;
      if (end > size) return;
      yield {
        at: Number(head.readBigUInt64LE(0)) * sectorBytes,
        bytes,
        flush: (flags & flushFlag) !== 0,
        forced: (flags & forcedFlag) !== 0,
        data: isDiscard ? undefined : data,
        end,
      };
      at = end;
    }
  } finally {
    closeSync(file);
  }
}
