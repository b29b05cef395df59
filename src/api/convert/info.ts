/** A value of an `info` map: JSON, where numbers too large for it become text. */
export function infoText(value: unknown): string {
  return JSON.stringify(value, (_key, at) => (typeof at === "bigint" ? at.toString() : at));
}
