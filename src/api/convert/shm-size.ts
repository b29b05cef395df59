import type { Bytes } from "../../base/units.ts";
import { shmSizeNames } from "../../config/pod-orders.ts";
import { wrongField } from "./field.ts";

const factors: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/**
 * The size of a pod's /dev/shm, by its annotations: bytes, or with a suffix as in `256Mi` or (CRI-O) `256m`.
 *
 * @throws {Fault} invalid
 */
export function decodeShmSize(
  annotations: Readonly<Record<string, string>>,
  field: string,
): Bytes | undefined {
  const name = shmSizeNames.find((each) => annotations[each] !== undefined);
  const given = name === undefined ? undefined : annotations[name];
  if (given === undefined) return undefined;
  const parts = /^([0-9]{1,15})(?:(|k|m|g)(?:i|b|ib)?)$/i.exec(given);
  const size = Number(parts?.[1]) * (factors[parts?.[2]?.toLowerCase() ?? ""] ?? 1);
  if (!Number.isSafeInteger(size) || size <= 0) {
    throw wrongField(field, `${name}: "${given}" is not a size as in 256Mi`);
  }
  return size;
}
