import { lstatSync, readFileSync, type StatsFs, statfsSync } from "node:fs";
import { lstat, readFile, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Bytes } from "../base/units.ts";
import type { MountEntry } from "./contract.ts";
import { hasGivenUp, isReadOnly, mountHolding, parseMountinfo } from "./mountinfo.ts";
import { refusalOfWritesLater } from "./write-trial.ts";

/** What a file system has left, and whether it takes anything. */
export interface FileSystemState {
  /** Where it is mounted. */
  readonly target: string;
  /** `ext4` and so on. */
  readonly type: string;
  /** The device, where there is one. */
  readonly source: string;
  readonly isReadOnly: boolean;
  /** Nothing but another mount makes it writable again. Not every kernel says so. */
  readonly hasGivenUp: boolean;
  readonly size: Bytes;
  /** For everyone: what is kept for root counts as used. */
  readonly free: Bytes;
  /** 0: the file system makes inodes as they are needed. */
  readonly inodes: number;
  readonly freeInodes: number;
}

const mountinfo = "/proc/self/mountinfo";

/** The file system that holds `path`, or would. Undefined when the kernel doesn't say. May wait for a disk. */
export function fileSystemState(path: string): FileSystemState | undefined {
  try {
    const mounts = parseMountinfo(readFileSync(mountinfo));
    try {
      let existing = path;
      while (existing !== "/" && lstatSync(existing, { throwIfNoEntry: false }) === undefined)
        existing = dirname(existing);
      return stateOf(existing, statfsSync(existing), mounts);
    } catch {
      return stateOf(path, noFigures, mounts); // xfs tells nothing at all once it has given up
    }
  } catch {
    return undefined;
  }
}

/** No size and nothing free: what is not known is taken for neither full nor empty. */
const noFigures = { blocks: 0, bsize: 0, bavail: 0, files: 0, ffree: 0 };

/**
 * As `fileSystemState`, of each of several paths, off this thread.
 *
 * @param tryWrites has each make a file, to find those that have given up and do not say so
 */
export async function fileSystemStates(
  paths: readonly string[],
  tryWrites: boolean,
): Promise<ReadonlyMap<string, FileSystemState>> {
  const states = new Map<string, FileSystemState>();
  const mounts = parseMountinfo(await readFile(mountinfo));
  for (const path of paths) {
    let existing = path;
    while (existing !== "/" && (await lstat(existing).catch(() => undefined)) === undefined)
      existing = dirname(existing);
    const stats = await statfs(existing).catch(() => undefined);
    const state = stats && stateOf(existing, stats, mounts);
    if (state === undefined) continue;
    const refused = tryWrites && !state.isReadOnly && (await refusalOfWritesLater(existing)) === "EROFS";
    states.set(path, refused ? { ...state, isReadOnly: true, hasGivenUp: true } : state);
  }
  return states;
}

function stateOf(
  existing: string,
  stats: Pick<StatsFs, keyof typeof noFigures>,
  mounts: readonly MountEntry[],
): FileSystemState | undefined {
  const mount = mountHolding(mounts, existing);
  if (mount === undefined) return undefined;
  const { target, type, source } = mount;
  return {
    target,
    type,
    source,
    isReadOnly: isReadOnly(mount),
    hasGivenUp: hasGivenUp(mount),
    size: stats.blocks * stats.bsize,
    free: stats.bavail * stats.bsize,
    inodes: stats.files,
    freeInodes: stats.ffree,
  };
}

/** So little is as good as nothing: it is gone with the next layer, or what another lets go of. */
const littleBytes: Bytes = 8 << 20;
export const fewInodes = 16;

/** True if nothing more can be written, or no file be made, or soon. */
export function isFull({ size, free, inodes, freeInodes }: FileSystemState): boolean {
  return free < Math.min(littleBytes, size / 8) || (inodes > 0 && freeInodes < fewInodes);
}
