import { closeSync, copyFileSync, openSync, readSync, writeSync } from "node:fs";
import type { Random } from "./random.ts";
import { type LoggedWrite, sectorBytes } from "./write-log.ts";

/** How much is copied at a time. */
const pieceBytes = 1 << 20;

/** What a power cut left of what the disk had been told since the last flush. */
export interface AfterCut {
  readonly kept: number;
  readonly torn: number;
  readonly lost: number;
}

/**
 * Makes disks as power cuts leave them, of a disk as it was in the beginning and the log of what was written to it: what was
 * written before the last flush that ended before the cut is there; of what came after it some is, in another order, and
 * some in part, sector by sector. Cuts are made in the log's order: one disk is carried along.
 */
export class Replay implements Disposable {
  readonly #log: number;
  readonly #safe: string;
  readonly #writes: readonly LoggedWrite[];
  /** How many entries are on the disk that is carried along. */
  #done = 0;

  /** @param safe the disk as it was before the first entry; changed */
  constructor(safe: string, log: string, writes: readonly LoggedWrite[]) {
    this.#safe = safe;
    this.#writes = writes;
    this.#log = openSync(log, "r");
  }

  /**
   * Makes the disk of a cut before the entry with this number.
   *
   * @param disk a new file
   */
  cutBefore(entry: number, disk: string, random: Random): AfterCut {
    const flush = this.#writes.findLastIndex((write, index) => index < entry && write.flush);
    if (flush < this.#done - 1) throw new Error("cuts are to be made in the log's order");
    this.#carryTo(flush + 1);
    copyFileSync(this.#safe, disk);
    return this.#applySome(this.#writes.slice(this.#done, entry), disk, random);
  }

  #carryTo(end: number): void {
    const file = openSync(this.#safe, "r+");
    for (const write of this.#writes.slice(this.#done, end)) this.#apply(write, file);
    closeSync(file);
    this.#done = end;
  }

  /** What was forced is there, and all else as it comes. */
  #applySome(writes: readonly LoggedWrite[], disk: string, random: Random): AfterCut {
    const after = { kept: 0, torn: 0, lost: 0 };
    const file = openSync(disk, "r+");
    for (const write of random.shuffled(writes)) {
      const fate = random.next();
      if (write.forced || fate < 0.45) {
        this.#apply(write, file);
        after.kept++;
      } else if (fate < 0.55) {
        this.#applySectors(write, file, random);
        after.torn++;
      } else after.lost++;
    }
    closeSync(file);
    return after;
  }

  #apply({ at, bytes, data }: LoggedWrite, file: number): void {
    if (data !== undefined) this.#copy(data, at, bytes, file);
  }

  #applySectors({ at, bytes, data }: LoggedWrite, file: number, random: Random): void {
    if (data === undefined) return;
    for (let sector = 0; sector < bytes; sector += sectorBytes)
      if (random.next() < 0.5) this.#copy(data + sector, at + sector, sectorBytes, file);
  }

  #copy(from: number, to: number, bytes: number, file: number): void {
    const piece = Buffer.allocUnsafe(Math.min(bytes, pieceBytes));
    for (let done = 0; done < bytes; ) {
      const length = readSync(this.#log, piece, 0, Math.min(piece.length, bytes - done), from + done);
      if (length === 0) throw new Error("the log ends within an entry");
      writeSync(file, piece, 0, length, to + done);
      done += length;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#log);
  }
}
