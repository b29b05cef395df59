import { Fault } from "../../base/fault.ts";
import { numbersOf } from "../../base/number-list.ts";

const bitsPerGroup = 32;

/** Processors as one bit each, from a list as in `0-3,7`. @throws {Fault} invalid */
export function maskOf(list: string): bigint {
  const numbers = numbersOf(list);
  if (numbers === undefined) throw new Fault("invalid", `"${list}" is not a list of processors, as in 0-3,7`);
  return numbers.reduce((mask, number) => mask | (1n << BigInt(number)), 0n);
}

/** As the kernel writes masks: hexadecimal, groups of 32 bits apart by commas. @throws {Fault} corrupt */
export function parseMask(text: string): bigint {
  const digits = text.trim().replaceAll(",", "");
  if (!/^[0-9a-fA-F]+$/.test(digits)) throw new Fault("corrupt", `"${text.trim()}" is no mask of processors`);
  return BigInt(`0x${digits}`);
}

/** A mask that `parseMask` reads, as the kernel takes it. */
export function formatMask(mask: bigint): string {
  const groups: string[] = [];
  for (let rest = mask; rest > 0n || groups.length === 0; rest >>= BigInt(bitsPerGroup))
    groups.unshift(BigInt.asUintN(bitsPerGroup, rest).toString(16));
  return groups.map((group, index) => (index === 0 ? group : group.padStart(8, "0"))).join(",");
}
