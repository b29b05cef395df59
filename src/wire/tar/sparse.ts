import { Fault } from "../../base/fault.ts";
import type { SparseRun } from "./entry.ts";
import { cutShort, type Feed, type Reading } from "./feed.ts";
import { blockSize, numberField, sparseFields } from "./header.ts";
import { type PaxRecords, paxNumber } from "./pax.ts";

/** A sparse file's layout (GNU tar manual, "Storing Sparse Files"). */
export interface SparseMap {
  /** Of the file, holes included. */
  readonly size: number;
  readonly runs: readonly SparseRun[];
  /** How much of the member's stored bytes the map itself took (format 1.0). */
  readonly mapBytes: number;
}

/** Runs of one file: more than any real one has, and bounded in memory. */
const maxRuns = 262_144;
const corrupt = (what: string) => new Fault("corrupt", `not a valid tar: ${what}`);

/** The old GNU format: four runs in the header, further ones in blocks that follow it. @throws {Fault} corrupt */
export function* readOldSparseMap(header: Uint8Array, feed: Feed): Reading<SparseMap> {
  const runs = sparseFields(header, 386, 4);
  const size = numberField(header, 483, 12, "sparse size");
  for (let more = header[482] !== 0; more; ) {
    const block = yield* feed.block();
    if (block === undefined) throw cutShort("in a sparse map");
    runs.push(...sparseFields(block, 0, 21));
    if (runs.length > maxRuns) throw tooMany();
    more = block[504] !== 0;
  }
  return { size, runs, mapBytes: 0 };
}

/**
 * The pax formats: 0.0 repeats two records, 0.1 has one list, 1.0 keeps the map before the data.
 *
 * @returns undefined when the records don't speak of a sparse file
 * @throws {Fault} corrupt
 */
export function* readPaxSparseMap(
  records: PaxRecords,
  stored: number,
  feed: Feed,
): Reading<SparseMap | undefined> {
  const last = (key: string) => records.findLast(([name]) => name === key)?.[1];
  const size = last("GNU.sparse.realsize") ?? last("GNU.sparse.size");
  if (size === undefined) {
    if (last("GNU.sparse.major") !== undefined) throw corrupt("a sparse file has no size");
    return undefined;
  }
  const real = paxNumber(size, "GNU.sparse.size");
  const major = last("GNU.sparse.major");
  if (major !== undefined && major !== "0") {
    if (major !== "1" || last("GNU.sparse.minor") !== "0") throw corrupt("an unknown format of sparse files");
    return { size: real, ...(yield* readMapBeforeData(stored, feed)) };
  }
  const list = last("GNU.sparse.map");
  const numbers = list === undefined ? repeated(records) : list === "" ? [] : list.split(",");
  if (numbers.length % 2 !== 0) throw corrupt("a sparse map has an odd number of numbers");
  if (numbers.length > 2 * maxRuns) throw tooMany();
  return { size: real, runs: pairs(numbers), mapBytes: 0 };
}

function repeated(records: PaxRecords): string[] {
  const numbers: string[] = [];
  for (const [key, value] of records) {
    if (key !== "GNU.sparse.offset" && key !== "GNU.sparse.numbytes") continue;
    const expected = numbers.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes";
    if (key !== expected) throw corrupt("a sparse map is out of order");
    numbers.push(value);
  }
  return numbers;
}

function pairs(numbers: readonly string[]): SparseRun[] {
  const runs: SparseRun[] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    const offset = paxNumber(numbers[i] ?? "", "GNU.sparse.map");
    runs.push({ offset, length: paxNumber(numbers[i + 1] ?? "", "GNU.sparse.map") });
  }
  return runs;
}

/** Format 1.0: a count and then pairs, a decimal number a line, filled up to a whole block. */
function* readMapBeforeData(stored: number, feed: Feed): Reading<Pick<SparseMap, "runs" | "mapBytes">> {
  const numbers: string[] = [];
  let line = "";
  let wanted = Number.POSITIVE_INFINITY;
  let mapBytes = 0;
  while (numbers.length < wanted) {
    if (mapBytes + blockSize > stored) throw corrupt("a sparse map is longer than its file");
    const block = yield* feed.block();
    if (block === undefined) throw cutShort("in a sparse map");
    mapBytes += blockSize;
    const text = line + Buffer.from(block.buffer, block.byteOffset, blockSize).toString("latin1");
    const lines = text.split("\n");
    line = lines.pop() ?? "";
    for (const number of lines) {
      if (numbers.length >= wanted) break;
      numbers.push(number);
      if (numbers.length === 1) wanted = 1 + 2 * paxNumber(number, "GNU.sparse.map");
      if (wanted > 1 + 2 * maxRuns) throw tooMany();
    }
    if (numbers.length < wanted && line.length > 16) throw corrupt("a sparse map holds no numbers");
  }
  return { runs: pairs(numbers.slice(1)), mapBytes };
}

const tooMany = () => new Fault("exhausted", `a sparse file has more than ${maxRuns} runs`);

/** @throws {Fault} corrupt unless the runs are in order, within the file, and together as long as what is stored */
export function checkSparseMap(map: SparseMap, stored: number): void {
  let end = 0;
  let data = 0;
  for (const { offset, length } of map.runs) {
    if (offset < end || length < 0 || offset + length > map.size)
      throw corrupt("a sparse map is out of bounds");
    end = offset + length;
    data += length;
  }
  if (!Number.isSafeInteger(map.size) || data !== stored - map.mapBytes)
    throw corrupt("a sparse map does not fit its data");
}
