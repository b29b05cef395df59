import type { Bytes } from "../../base/units.ts";
import { wrongField } from "./field.ts";

/** The annotations of a pod that set the size of its /dev/shm: bytes, or with a suffix as in `256Mi` or (CRI-O) `256m`. */
const names = ["io.berth.shm-size", "shm-size.crio.io", "io.kubernetes.cri-o.ShmSize"];

const factors: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** @throws {Fault} invalid */
export function decodeShmSize(
  annotations: Readonly<Record<string, string>>,
  field: string,
): Bytes | undefined {
  const name = names.find((each) => annotations[each] !== undefined);
  const given = name === undefined ? undefined : annotations[name];
  if (given === undefined) return undefined;
  const parts = /^([0-9]{1,15})(?:(|k|m|g)(?:i|b|ib)?)$/i.exec(given);
  const size = Number(parts?.[1]) * (factors[parts?.[2]?.toLowerCase() ?? ""] ?? 1);
  if (!Number.isSafeInteger(size) || size <= 0) {
    throw wrongField(field, `${name}: "${given}" is not a size as in 256Mi`);
  }
  return size;
}
