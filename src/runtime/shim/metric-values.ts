/** v1 says "no limit" as the largest number of whole pages, v2 as the largest number; no machine has a thousandth of it. */
const unlimited = 2 ** 60;

/** Undefined for none. */
export function limitTold(limit: bigint | undefined): number | undefined {
  const told = Number(limit ?? 0);
  return told === 0 || told >= unlimited ? undefined : told;
}

export function remaining(limit: number | undefined, used: number): number | undefined {
  return limit === undefined ? undefined : Math.max(0, limit - used);
}

/** @param perSecond how many of the counter's units a second has */
export function secondsOf(counter: bigint, perSecond: number): number {
  return Number(counter) / perSecond;
}
