import { readFile } from "node:fs/promises";

/** CAP_SYS_RESOURCE (capabilities(7)). */
const sysResource = 24n;
const lowest = -1000;

/**
 * The lowest oom_score_adj (proc(5)) that programs which this process starts may give to others: any, or without
 * CAP_SYS_RESOURCE this process's own.
 */
export async function lowestOomScoreAdj(): Promise<number> {
  const bounds = /^CapBnd:\s*([0-9a-f]+)/m.exec(await readFile("/proc/self/status", "latin1"))?.[1];
  if ((BigInt(`0x${bounds ?? "0"}`) >> sysResource) & 1n) return lowest;
  return Number(await readFile("/proc/self/oom_score_adj", "latin1"));
}
