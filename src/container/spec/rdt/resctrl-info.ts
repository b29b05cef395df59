import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseMountinfo } from "../../../linux/mountinfo.ts";

/** What a kind of cache is given out in. */
export interface CacheInfo {
  /** Of the caches of that kind. */
  readonly ids: readonly number[];
  readonly bits: number;
  readonly minBits: number;
  /** Whether code and data have parts of their own (mount option cdp). */
  readonly isSplit: boolean;
}

export interface BandwidthInfo {
  readonly ids: readonly number[];
  /** In percent. */
  readonly least: number;
  /** Told in MB/s (mount option mba_MBps), not in percent. */
  readonly isAbsolute: boolean;
}

/** What this machine's processors can give out (kernel: arch/x86/resctrl.rst, Info directory). Absent: not that. */
export interface ResctrlInfo {
  readonly l2?: CacheInfo;
  readonly l3?: CacheInfo;
  readonly mb?: BandwidthInfo;
}

export async function readResctrlInfo(root: string): Promise<ResctrlInfo> {
  const schemata = await readFile(join(root, "schemata"), "latin1");
  const [l2, l3, mb] = [
    await cacheInfo(root, "L2", schemata),
    await cacheInfo(root, "L3", schemata),
    await bandwidthInfo(root, schemata),
  ];
  return { ...(l2 && { l2 }), ...(l3 && { l3 }), ...(mb && { mb }) };
}

async function cacheInfo(root: string, level: "L2" | "L3", schemata: string): Promise<CacheInfo | undefined> {
  const isSplit = existsSync(join(root, "info", `${level}CODE`));
  const directory = join(root, "info", isSplit ? `${level}CODE` : level);
  const ids = idsIn(schemata, isSplit ? `${level}CODE` : level);
  if (!existsSync(directory) || ids === undefined) return undefined;
  const mask = (await readFile(join(directory, "cbm_mask"), "latin1")).trim();
  const bits = BigInt(`0x${mask}`).toString(2).length;
  return { ids, bits, minBits: await number(directory, "min_cbm_bits"), isSplit };
}

async function bandwidthInfo(root: string, schemata: string): Promise<BandwidthInfo | undefined> {
  const directory = join(root, "info", "MB");
  const ids = idsIn(schemata, "MB");
  if (!existsSync(directory) || ids === undefined) return undefined;
  const mounts = parseMountinfo(await readFile("/proc/self/mountinfo"));
  const isAbsolute = mounts.some(
    ({ target, superOptions }) => target === root && superOptions.includes("mba_MBps"),
  );
  return { ids, least: await number(directory, "min_bandwidth"), isAbsolute };
}

async function number(directory: string, name: string): Promise<number> {
  return Number((await readFile(join(directory, name), "latin1")).trim());
}

/** The caches that a line of a file `schemata` is about: `L3:0=fff;1=fff`. */
function idsIn(schemata: string, resource: string): number[] | undefined {
  const line = schemata.split("\n").find((each) => each.trim().startsWith(`${resource}:`));
  return line
    ?.slice(line.indexOf(":") + 1)
    .split(";")
    .map((part) => Number(part.split("=")[0]));
}
