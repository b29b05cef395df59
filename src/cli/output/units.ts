import type { Ms, UnixNanos } from "../../base/units.ts";

export { size } from "../../base/units.ts";

const hexIdLength = 64;

/** The first 13 digits of an id, as crictl shows it; a digest without its algorithm. */
export function shortId(id: string): string {
  const hex = id.replace(/^sha256:/, "");
  return hex.length === hexIdLength ? hex.slice(0, 13) : hex;
}

/** "3 minutes ago"; empty for a time that was not set (0). */
export function ago(at: UnixNanos, now: Date = new Date()): string {
  if (at === 0n) return "";
  const seconds = Math.max(0, Math.floor(now.getTime() / 1000 - Number(at / 1_000_000n) / 1000));
  const steps: readonly [number, string][] = [
    [86_400, "day"],
    [3_600, "hour"],
    [60, "minute"],
    [1, "second"],
  ];
  const [size, unit] = steps.find(([size]) => seconds >= size) ?? [1, "second"];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
}

/** A time as RFC 3339 in UTC; empty for one that was not set (0). */
export function timestamp(at: UnixNanos): string {
  return at === 0n ? "" : new Date(Number(at / 1_000_000n)).toISOString();
}

export function milliseconds(ms: Ms): string {
  return ms.toFixed(1);
}
