import type { Bytes } from "../../base/units.ts";
import { wrongField } from "./field.ts";

/** The annotation of a pod that sets the size of its /dev/shm: bytes, or with a suffix as in `256Mi`. */
const shmSizeAnnotation = "io.berth.shm-size";

const factors: Readonly<Record<string, number>> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** @throws {Fault} invalid */
export function decodeShmSize(
  annotations: Readonly<Record<string, string>>,
  field: string,
): Bytes | undefined {
  const given = annotations[shmSizeAnnotation];
  if (given === undefined) return undefined;
  const parts = /^([0-9]{1,15})(|Ki|Mi|Gi)$/.exec(given);
  const size = Number(parts?.[1]) * (factors[parts?.[2] ?? ""] ?? 1);
  if (!Number.isSafeInteger(size) || size <= 0) {
    throw wrongField(field, `${shmSizeAnnotation}: "${given}" is not a size as in 256Mi`);
  }
  return size;
}
