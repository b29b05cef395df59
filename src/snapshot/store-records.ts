import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChainId } from "../base/ids.ts";
import { errnoOf, systemFault } from "../linux/libc.ts";
import type { SnapshotUsage } from "./contract.ts";

const recordFile = "snapshot.json";

/** What is written beside a committed layer's tree. Never changed afterwards. */
export interface LayerRecord {
  readonly chain: ChainId;
  readonly parent: ChainId | undefined;
  /** The directories (in `l/`) of this layer and all below it, the uppermost first. */
  readonly stack: readonly string[];
  readonly usage: SnapshotUsage;
  /** Where its tree is, when that is not beside this. */
  readonly volume?: string;
}

/** What is written beside a container's own files. */
export interface ContainerSnapshotRecord {
  readonly parent: ChainId | undefined;
  readonly stack: readonly string[];
  readonly volume?: string;
}

/**
 * Reads what lies in the directory of a layer or a container.
 *
 * @returns undefined when it is not there, or not whole
 * @throws {Fault} of the system, when it can't be read
 */
export async function readRecord<T extends LayerRecord | ContainerSnapshotRecord>(
  directory: string,
): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, recordFile), "utf8")) as T;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw systemFault(`reading the record of ${directory}`, error);
  }
}

export async function writeRecord(
  directory: string,
  record: LayerRecord | ContainerSnapshotRecord,
): Promise<void> {
  await writeFile(join(directory, recordFile), JSON.stringify(record), { mode: 0o600 });
}
