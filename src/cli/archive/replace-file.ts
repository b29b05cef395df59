import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { during, Fault } from "../../base/fault.ts";

/**
 * Writes a file that takes the place of the one at `path` when it is whole; nothing is left of it when `pieces` fail.
 * What is no plain file there (a FIFO, a device) is written into.
 *
 * @param path absolute
 * @throws {Fault} invalid when nothing can be written there; what `pieces` throw
 */
export async function replaceFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const first = pieces[Symbol.asyncIterator]();
  // Before anything is written: whoever has nothing to write says so here.
  const head = await first.next();
  const there = await stat(path).catch(() => undefined);
  const isPlain = there === undefined || there.isFile();
  const at = isPlain ? join(dirname(path), `.${basename(path)}.${process.pid}`) : path;
  try {
    {
      await using file = await openFor(at, isPlain ? "wx" : "w", path);
      for (let next = head; !next.done; next = await first.next()) await file.writeFile(next.value);
    }
    if (isPlain) await rename(at, path);
  } catch (error) {
    if (isPlain) await rm(at, { force: true });
    await first.return?.();
    throw error instanceof Fault ? error : during(`writing ${path}`, error);
  }
}

async function openFor(at: string, flags: "w" | "wx", path: string): Promise<FileHandle> {
  try {
    return await open(at, flags, 0o600);
  } catch (cause) {
    throw new Fault("invalid", `${path} can't be written`, { cause });
  }
}
