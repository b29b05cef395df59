/** Nanoseconds since 1970-01-01T00:00:00Z, as the CRI carries times. */
export type UnixNanos = bigint;
/** A duration in milliseconds. */
export type Ms = number;
/** A size in bytes. */
export type Bytes = number;

/** "12.3MB", decimal units as crictl and docker have them. */
export function size(bytes: bigint | Bytes): string {
  let value = Number(bytes);
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (value < 999.5 || unit === "TB") return `${unit === "B" ? value : value.toPrecision(3)}${unit}`;
    value /= 1000;
  }
  return `${bytes}B`;
}

const epochOffset: bigint = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

let last: UnixNanos = 0n;

/**
 * The time now. Strictly increasing within the process, so that two events never share a time stamp; follows the
 * system's clock when that jumps by more than a second.
 */
export function nowNanos(): UnixNanos {
  const wall = BigInt(Date.now()) * 1_000_000n;
  const fine = process.hrtime.bigint() + epochOffset;
  const drift = fine > wall ? fine - wall : wall - fine;
  const now = drift > 1_000_000_000n ? wall : fine;
  last = now > last || last - now > 1_000_000_000n ? now : last + 1n;
  return last;
}
