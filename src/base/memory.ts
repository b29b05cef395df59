import { isMarkedAsUntransferable } from "node:worker_threads";

/**
 * Frees the memory of bytes that nobody needs any more, if they have it for themselves. A stream of large buffers left to
 * the collector brings on a collection of the whole heap every few megabytes.
 */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && !isMarkedAsUntransferable(buffer))
    buffer.transfer(0);
}
