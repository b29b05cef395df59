import { readFileSync, statSync } from "node:fs";
import type { Bytes } from "../base/units.ts";

/** Traffic of one interface. */
export interface NetworkCounters {
  readonly name: string;
  readonly rxBytes: Bytes;
  readonly rxErrors: number;
  readonly txBytes: Bytes;
  readonly txErrors: number;
}

/** Columns of /proc/net/dev after the name (proc(5)): 8 of what was received, then 8 of what was sent. */
const rxBytes = 0;
const rxErrors = 2;
const txBytes = 8;
const txErrors = 10;
const columns = 16;

/**
 * Reads /proc/net/dev, in its order. Its two lines of headings, and lines of another form, are passed over.
 */
export function parseNetDev(text: string): NetworkCounters[] {
  const counters: NetworkCounters[] = [];
  for (const line of text.split("\n")) {
    const colon = line.lastIndexOf(":");
    const values = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    if (colon < 0 || values.length < columns || values.some(Number.isNaN)) continue;
    const value = (column: number) => values[column] ?? 0;
    counters.push({
      name: line.slice(0, colon).trim(),
      rxBytes: value(rxBytes),
      rxErrors: value(rxErrors),
      txBytes: value(txBytes),
      txErrors: value(txErrors),
    });
  }
  return counters;
}

/** The counters of a pinned network namespace. */
export const netDev = "/proc/net/dev";

/**
 * /proc/net/dev of the namespace at `netns`, as one of `pids` sees it: no thread has to enter the namespace
 * then.
 *
 * @returns undefined when none of them lives in that namespace
 */
export function readNetDevOf(pids: readonly number[], netns: string): string | undefined {
  for (const pid of pids) {
    try {
      if (namespaceId(`/proc/${pid}/ns/net`) === namespaceId(netns))
        return readFileSync(`/proc/${pid}/net/dev`, "utf8");
    } catch {
      // gone, or about to be
    }
  }
  return undefined;
}

function namespaceId(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}
