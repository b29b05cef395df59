import type { Bytes } from "../base/units.ts";

/**
 * What a socket reads into is memory outside of the heap, 64 kB a time, and the garbage collector has to look through all
 * of the heap to find out that it is needed no more: with much data on its way, that takes more time than all the rest.
 * So those who hand data on say when it is out of their hands, and the last one gives its memory back at once.
 */
const shares = new WeakMap<ArrayBufferLike, number>();

/** Less is not worth its while, and may lie in memory that Node deals out to many. */
const least: Bytes = 16 << 10;

/** Data of a read of its own becomes the caller's, to be let go once; whatever else is left alone, now and then. */
export function claim(received: Buffer): void {
  const isWhole = received.byteOffset === 0 && received.length === received.buffer.byteLength;
  if (isWhole && received.length >= least && !shares.has(received.buffer)) shares.set(received.buffer, 1);
}

/** One more has a piece of it, and lets that go by itself. */
export function share(piece: Buffer): void {
  const count = shares.get(piece.buffer);
  if (count !== undefined) shares.set(piece.buffer, count + 1);
}

/** Nobody reads `piece` from here any more, the kernel neither: a write is over when its callback is called. */
export function letGo(piece: Buffer): void {
  const { buffer } = piece;
  const count = shares.get(buffer);
  if (count === undefined) return;
  if (count > 1) {
    shares.set(buffer, count - 1);
    return;
  }
  shares.delete(buffer);
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
