import { Fault } from "../../../base/fault.ts";
import { numbersOf } from "../../../base/number-list.ts";
import {
  type BandwidthShare,
  type CacheShare,
  type CacheShares,
  type RdtClass,
  type RdtFile,
  wholeBandwidth,
} from "../../../spec/rdt-file.ts";
import type { BandwidthInfo, CacheInfo, ResctrlInfo } from "./resctrl-info.ts";

type Part = keyof CacheShares;

/**
 * What the group of each class has in its file `schemata`, by the class's name: partitions are laid beside each other, and a class
 * has its part of its partition's. The same as goresctrl makes of the file.
 *
 * @throws {Fault} invalid for partitions that don't fit; wrongState for what this machine's processors can't give out
 */
export function schemataOf(file: RdtFile, info: ResctrlInfo): ReadonlyMap<string, string> {
  requireBits(file, "l2", info.l2);
  requireBits(file, "l3", info.l3);
  const given = { l2: partitionMasks(file, "l2", info.l2), l3: partitionMasks(file, "l3", info.l3) };
  return new Map(
    [...file.classes].map(([name, one]) => {
      const lines = [
        ...cacheLines(name, one, "l2", file, { info: info.l2, given: given.l2 }),
        ...cacheLines(name, one, "l3", file, { info: info.l3, given: given.l3 }),
        ...bandwidthLine(name, one, file, info.mb),
      ];
      return [name, lines.map((line) => `${line}\n`).join("")];
    }),
  );
}

/** By partition and part, then by cache. */
type Masks = ReadonlyMap<string, ReadonlyMap<number, bigint>>;

const keyOf = (partition: string, part: Part) => `${partition}/${part}`;

function partitionMasks(file: RdtFile, level: "l2" | "l3", info: CacheInfo | undefined): Masks {
  const masks = new Map<string, Map<number, bigint>>();
  if (info === undefined) return masks;
  const names = [...file.partitions.keys()].toSorted();
  for (const id of info.ids)
    for (const part of ["unified", "code", "data"] as const) {
      const asked = names.map((name) => shareFor(file.partitions.get(name)?.[level], id)?.[part]);
      const shares = asked.filter((share) => share !== undefined);
      if (shares.length === 0) continue;
      const what = `the partitions' ${level}Allocation for cache ${id} (${part})`;
      if (shares.length < names.length) throw new Fault("invalid", `${what}: not all have one`);
      const laid = laidOut(shares, info, what);
      for (const [index, name] of names.entries()) {
        const key = keyOf(name, part);
        masks.set(key, (masks.get(key) ?? new Map()).set(id, laid[index] ?? 0n));
      }
    }
  return masks;
}

function laidOut(shares: readonly CacheShare[], info: CacheInfo, what: string): readonly bigint[] {
  const masks = shares.flatMap((share) => (share.kind === "mask" ? [share.mask] : []));
  if (masks.length > 0 && masks.length < shares.length)
    throw new Fault("invalid", `${what}: some are in percent, and some are not`);
  if (masks.length === 0) return percentagesLaidOut(shares, info, what);
  let taken = 0n;
  for (const mask of masks) {
    if ((mask & taken) !== 0n) throw new Fault("invalid", `${what}: they overlap`);
    if (mask >> BigInt(info.bits) !== 0n)
      throw new Fault("invalid", `${what}: the cache has ${info.bits} bits`);
    taken |= mask;
  }
  return masks;
}

/** Small ones are counted out first: they may have to be rounded up. Side by side in the order of the partitions' names. */
function percentagesLaidOut(
  shares: readonly CacheShare[],
  { bits, minBits }: CacheInfo,
  what: string,
): readonly bigint[] {
  const percents = shares.map((share) => {
    if (share.kind === "percent" && !share.isRange) return share.high;
    throw new Fault("invalid", `${what}: ranges are for classes`);
  });
  const total = percents.reduce((sum, percent) => sum + percent, 0);
  if (total > 100) throw new Fault("invalid", `${what}: together they are ${total}%`);
  const all = Math.floor((total * bits) / 100);
  const widths = new Array<number>(percents.length).fill(0);
  let left = all;
  const order = [...percents.keys()].toSorted((a, b) => (percents[a] ?? 0) - (percents[b] ?? 0));
  for (const [turn, index] of order.entries()) {
    if (left < minBits) throw new Fault("invalid", `${what}: there are too many for ${bits} bits`);
    const leftPercent = Math.floor((left * total) / all);
    const wanted = Math.max(Math.floor(((percents[index] ?? 0) * left) / leftPercent), minBits);
    const width = turn === order.length - 1 ? left : Math.min(wanted, left);
    widths[index] = width;
    left -= width;
  }
  let lowest = 0;
  return widths.map((width) => {
    const mask = block(width, lowest);
    lowest += width;
    return mask;
  });
}

function cacheLines(
  name: string,
  one: RdtClass,
  level: "l2" | "l3",
  { optional }: RdtFile,
  { info, given }: { info: CacheInfo | undefined; given: Masks },
): string[] {
  const asked = one[level];
  if (info === undefined) {
    requireOptional(asked === undefined || optional[level], name, `${level}Allocation`);
    return [];
  }
  const parts: readonly (readonly [Part, string])[] = info.isSplit
    ? [
        ["code", "CODE"],
        ["data", "DATA"],
      ]
    : [["unified", ""]];
  return parts.map(([part, suffix]) => {
    const masks = info.ids.map((id) => {
      const base =
        given.get(keyOf(one.partition, part))?.get(id) ??
        given.get(keyOf(one.partition, "unified"))?.get(id) ??
        block(info.bits, 0);
      const shares = asked && shareFor(asked, id);
      const share = shares?.[part] ?? shares?.unified;
      const mask =
        share === undefined ? base : within(base, share, info, `RDT class "${name}", ${level}Allocation`);
      return `${id}=${mask.toString(16)}`;
    });
    return `${level.toUpperCase()}${suffix}:${masks.join(";")}`;
  });
}

/** A class's part of its partition's. */
function within(base: bigint, share: CacheShare, { minBits }: CacheInfo, what: string): bigint {
  const bits = base.toString(2);
  const lowest = bits.length - bits.lastIndexOf("1") - 1;
  const width = bits.length - lowest;
  if (share.kind === "mask") {
    const mask = share.mask << BigInt(lowest);
    if ((mask | base) !== base)
      throw new Fault("invalid", `${what}: 0x${share.mask.toString(16)} is not within its partition`);
    return mask;
  }
  let first = Math.floor(((Math.max(share.low, 1) - 1) * width) / 100);
  let last = Math.floor(((Math.max(share.high, 1) - 1) * width) / 100);
  for (let missing = minBits - (last - first + 1); missing > 0; missing--) {
    if (first > 0) first--;
    else if (last < width - 1) last++;
    else throw new Fault("invalid", `${what}: the partition is too small for it`);
  }
  return block(last - first + 1, lowest + first);
}

function bandwidthLine(
  name: string,
  one: RdtClass,
  { optional, partitions }: RdtFile,
  info: BandwidthInfo | undefined,
): string[] {
  if (info === undefined) {
    requireOptional(one.mb === undefined || optional.mb, name, "mbAllocation");
    return [];
  }
  const { least, isAbsolute } = info;
  const values = info.ids.map((id) => {
    const base = bandwidth(partitions.get(one.partition)?.mb, id, isAbsolute, name);
    const own = bandwidth(one.mb, id, isAbsolute, name);
    if (isAbsolute) return `${id}=${Math.min(base, own)}`;
    return `${id}=${Math.max(Math.floor((own * Math.max(base, least)) / 100), least)}`;
  });
  return [`MB:${values.join(";")}`];
}

function bandwidth(
  shares: ReadonlyMap<string, BandwidthShare> | undefined,
  id: number,
  isAbsolute: boolean,
  name: string,
): number {
  const share = shareFor(shares, id) ?? wholeBandwidth;
  const value = isAbsolute ? share.megabytesPerSecond : share.percent;
  if (value !== undefined) return value;
  const unit = isAbsolute ? "MBps, which resctrl is mounted for (mba_MBps)" : "percent";
  throw new Fault("wrongState", `RDT class "${name}", mbAllocation: there is no value in ${unit}`);
}

/** That of the cache, else of all. */
function shareFor<T>(shares: ReadonlyMap<string, T> | undefined, id: number): T | undefined {
  for (const [ids, share] of shares ?? []) if (ids !== "all" && numbersOf(ids)?.includes(id)) return share;
  return shares?.get("all");
}

/** @throws {Fault} invalid for a mask with less bits than the kernel takes, in use or not */
function requireBits(
  { partitions, classes }: RdtFile,
  level: "l2" | "l3",
  info: CacheInfo | undefined,
): void {
  if (info === undefined) return;
  for (const [name, allocation] of [...partitions, ...classes])
    for (const { unified, code, data } of allocation[level]?.values() ?? [])
      for (const share of [unified, code, data])
        if (share?.kind === "mask" && share.mask.toString(2).replaceAll("0", "").length < info.minBits)
          throw new Fault("invalid", `${name}, ${level}Allocation: less than ${info.minBits} bits`);
}

function requireOptional(isFine: boolean, name: string, what: string): void {
  if (!isFine)
    throw new Fault(
      "wrongState",
      `RDT class "${name}" has an ${what}, which this node's processors have not`,
      {
        hint: "the file's options may say that it is optional",
      },
    );
}

function block(width: number, lowest: number): bigint {
  return ((1n << BigInt(width)) - 1n) << BigInt(lowest);
}
