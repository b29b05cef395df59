/** A limit of 64 bits as a number. One that no machine reaches is the largest that JSON holds as it is. */
export function limitNumber(limit: bigint): number {
  return limit > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(limit);
}
