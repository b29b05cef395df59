import { constants, fstatSync } from "node:fs";
import { open } from "node:fs/promises";
import { Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";

const chunkBytes = 64 * 1024;

/**
 * Reads a regular file of `max` bytes at most. Opening can't block and can't set off a device: `path` must lead to a
 * file that was found to be regular, or to one that the node's administrator named.
 *
 * @throws {Fault} invalid when it isn't a regular file; exhausted when it is larger; and open's own errors
 */
export async function readBoundedFile(path: string, max: Bytes, name: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const stats = fstatSync(file.fd);
  if (!stats.isFile()) throw new Fault("invalid", `${name} is not a regular file`);
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(Math.min(max + 1 - length, chunkBytes));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, length);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
    if (length > max) throw new Fault("exhausted", `${name} is larger than ${max} bytes`);
    if (length === stats.size) break; // a file of the kernel's own says 0, and is read until it ends
  }
  return Buffer.concat(chunks).toString("utf8");
}
