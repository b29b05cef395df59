import { createReadStream } from "node:fs";
import type { Bytes } from "../../base/units.ts";
import { isRunscShim } from "../../config/shim-program.ts";

/** What gVisor's shim logs where it is told of nobody who takes its events. */
const words = Buffer.from("no containerd event sink");

const chunk: Bytes = 1 << 20;

/**
 * Whether a shim is to be told of nobody who takes its events. gVisor's ends, and its pod with it, when there is somebody and an event
 * can't be told, such as while the daemon is away; its later releases go on where there is nobody, as under CRI-O, and earlier ones
 * end there, too. The program itself tells which it is: by what it has to say then (docs/decisions/0412).
 *
 * @param program absolute
 */
export async function isToldOfNobody(type: string, program: string): Promise<boolean> {
  if (!isRunscShim(type) && !isRunscShim(program)) return false;
  try {
    let last = Buffer.alloc(0);
    for await (const read of createReadStream(program, { highWaterMark: chunk })) {
      const text = Buffer.concat([last, read as Buffer]);
      if (text.includes(words)) return true;
      last = text.subarray(-words.length);
    }
  } catch {
    // what it can do is tried out elsewhere
  }
  return false;
}
