import { Fault } from "../base/fault.ts";

const MS_RDONLY = 0x1;
const MS_NOSUID = 0x2;
const MS_NODEV = 0x4;
const MS_NOEXEC = 0x8;
const MS_SYNCHRONOUS = 0x10;
const MS_REMOUNT = 0x20;
const MS_DIRSYNC = 0x80;
const MS_NOATIME = 0x400;
const MS_NODIRATIME = 0x800;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_UNBINDABLE = 0x20000;
const MS_PRIVATE = 0x40000;
const MS_SLAVE = 0x80000;
const MS_SHARED = 0x100000;
const MS_RELATIME = 0x200000;
const MS_STRICTATIME = 0x1000000;
const MS_LAZYTIME = 0x2000000;

const sets: Readonly<Record<string, number>> = {
  ro: MS_RDONLY,
  nosuid: MS_NOSUID,
  nodev: MS_NODEV,
  noexec: MS_NOEXEC,
  sync: MS_SYNCHRONOUS,
  remount: MS_REMOUNT,
  dirsync: MS_DIRSYNC,
  noatime: MS_NOATIME,
  nodiratime: MS_NODIRATIME,
  bind: MS_BIND,
  rbind: MS_BIND | MS_REC,
  relatime: MS_RELATIME,
  strictatime: MS_STRICTATIME,
  lazytime: MS_LAZYTIME,
};

const clears: Readonly<Record<string, number>> = {
  rw: MS_RDONLY,
  suid: MS_NOSUID,
  dev: MS_NODEV,
  exec: MS_NOEXEC,
  async: MS_SYNCHRONOUS,
  atime: MS_NOATIME,
  diratime: MS_NODIRATIME,
  norelatime: MS_RELATIME,
  nostrictatime: MS_STRICTATIME,
  nolazytime: MS_LAZYTIME,
  defaults: 0,
};

const propagations: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
};

/**
 * What mount(2) takes: flags and the file system's own data; propagation is set by a call of its own after
 * it.
 */
export interface ParsedMountOptions {
  readonly flags: number;
  readonly propagation: readonly number[];
  readonly data: string;
}

/** Tells fstab's options (mount(8)) apart. A later option wins over an earlier one; unknown ones are data. */
export function parseMountOptions(options: readonly string[]): ParsedMountOptions {
  let flags = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  for (const option of options) {
    const set = sets[option];
    const clear = clears[option];
    const spreads = propagations[option];
    if (set !== undefined) flags |= set;
    else if (clear !== undefined) flags &= ~clear;
    else if (spreads !== undefined) propagation.push(spreads);
    else if (option !== "") data.push(option);
  }
  return { flags, propagation, data: data.join(",") };
}

/** What mount(2) takes of options: less than a page. */
export const maxMountData = 4095;

/**
 * The directories of an overlay's `lowerdir`, topmost first; a colon or backslash in a name is escaped by a
 * backslash.
 */
export function lowerDirectories(value: string): string[] {
  const directories = value.match(/(?:\\.|[^:\\])+/gs) ?? [];
  return directories.map((name) => name.replaceAll(/\\(.)/gs, "$1"));
}

/**
 * Replaces the lower directories by what `shorten` makes of each.
 *
 * @throws {Fault} exhausted when even that is more than mount(2) takes
 */
export function shortenLowerDirectories(data: string, shorten: (directory: string) => string): string {
  const short = data.replace(/(^|,)lowerdir=((?:\\.|[^,\\])*)/s, (_all, before: string, value: string) => {
    return `${before}lowerdir=${lowerDirectories(value).map(shorten).join(":")}`;
  });
  if (Buffer.byteLength(short) <= maxMountData) return short;
  throw new Fault(
    "exhausted",
    `mount options of ${Buffer.byteLength(short)} bytes; the kernel takes ${maxMountData}`,
    {
      hint: "the image has too many layers for an overlay mount; use the native snapshotter for it",
    },
  );
}
