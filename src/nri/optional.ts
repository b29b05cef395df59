/** A number as the messages have one that may be absent. */
export function optional(value: number | undefined): { value: bigint } | undefined {
  return value === undefined ? undefined : { value: BigInt(value) };
}
