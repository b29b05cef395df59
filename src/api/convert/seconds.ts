import type { Ms } from "../../base/units.ts";
import { wrongField } from "./field.ts";

/** The longest that a timer runs: 24 days. */
const longest: Ms = 2 ** 31 - 1;

/** @throws {Fault} invalid for a negative number of seconds */
export function msFromSeconds(seconds: bigint, field: string): Ms {
  if (seconds < 0n) throw wrongField(field, `${seconds} is negative`);
  return Math.min(Number(seconds) * 1000, longest);
}
