import { readlinkSync, statSync } from "node:fs";
import type { NetworkCounters } from "./contract.ts";
import { readSmallFile } from "./small-file.ts";

/** Columns of /proc/net/dev after the name (proc(5)): 8 of what was received, then 8 of what was sent. */
const column = {
  rxBytes: 0,
  rxPackets: 1,
  rxErrors: 2,
  rxDropped: 3,
  txBytes: 8,
  txPackets: 9,
  txErrors: 10,
  txDropped: 11,
} as const;
const columns = 16;

/**
 * Reads /proc/net/dev, in its order. Its two lines of headings, and lines of another form, are passed over.
 */
export function parseNetDev(text: string): NetworkCounters[] {
  const counters: NetworkCounters[] = [];
  for (const line of text.split("\n")) {
    const colon = line.lastIndexOf(":");
    if (colon < 0) continue;
    const values = line
      .slice(colon + 1)
      .split(" ")
      .filter((word) => word !== "");
    if (values.length < columns || !values.every((word) => digits.test(word))) continue;
    const value = (name: keyof typeof column) => Number(values[column[name]]);
    counters.push({
      name: line.slice(0, colon).trim(),
      rxBytes: value("rxBytes"),
      rxPackets: value("rxPackets"),
      rxErrors: value("rxErrors"),
      rxDropped: value("rxDropped"),
      txBytes: value("txBytes"),
      txPackets: value("txPackets"),
      txErrors: value("txErrors"),
      txDropped: value("txDropped"),
    });
  }
  return counters;
}

const digits = /^[0-9]+$/;

/** The counters of a pinned network namespace. */
export const netDev = "/proc/net/dev";

/**
 * /proc/net/dev of the namespace at `netns`, as one of `pids` sees it: no thread has to enter the namespace
 * then.
 *
 * @returns undefined when none of them lives in that namespace
 */
export function readNetDevOf(pids: readonly number[], netns: string): string | undefined {
  if (pids.length === 0) return undefined;
  const wanted = namespaceAt(netns);
  // Asked of each process anew: one with the right to may have moved to another namespace.
  const pid = pids.find((each) => wanted !== undefined && namespaceOf(each) === wanted);
  return pid === undefined ? undefined : readSmallFile(`/proc/${pid}/net/dev`);
}

/** As namespaces(7) writes it. */
function namespaceAt(path: string): string | undefined {
  try {
    return `net:[${statSync(path).ino}]`;
  } catch {
    return undefined;
  }
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined; // it has ended
  }
}
