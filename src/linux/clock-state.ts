import { libc } from "./libc.ts";

const adjtimex = libc.func("int adjtimex(void *buffer)");

/** More than struct timex takes (208 bytes on 64-bit machines). */
const timexBytes = 256;
/** Of struct timex on 64-bit machines: `int status`, then `maxerror` in microseconds. */
const maxErrorOffset = 24;
const statusOffset = 40;
const STA_UNSYNC = 0x40;
const TIME_ERROR = 5;

/** What the kernel thinks of its clock (adjtimex(2)); nothing is changed. */
export interface ClockState {
  /** True when something (NTP, a hypervisor's clock) keeps it in step. */
  readonly isSynchronised: boolean;
  /** How far off it may be, in microseconds. */
  readonly maxErrorUs: bigint;
}

/** Undefined where the kernel does not tell. */
export function clockState(): ClockState | undefined {
  const timex = Buffer.alloc(timexBytes);
  const state = adjtimex(timex) as number;
  if (state < 0) return undefined;
  const isSynchronised = state !== TIME_ERROR && (timex.readInt32LE(statusOffset) & STA_UNSYNC) === 0;
  return { isSynchronised, maxErrorUs: timex.readBigInt64LE(maxErrorOffset) };
}
