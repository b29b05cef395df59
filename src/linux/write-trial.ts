import { closeSync, constants, openSync } from "node:fs";
import { open } from "node:fs/promises";

type Refusal = "EROFS" | "EIO";

/** The same on every architecture that Node runs on; O_DIRECTORY is a part of it. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const nameless = [O_TMPFILE | constants.O_WRONLY, 0o600] as const;

/**
 * Has a file system make a file without a name in `directory`, which is gone at once. Whether it takes anything is not to be
 * seen from its mount on every kernel: an ext4 that gave up its journal may be called `rw` for good. May wait for a disk.
 *
 * @returns the errno by which it is refused; undefined when it was made, or can't be for another reason
 */
export function refusalOfWrites(directory: string): Refusal | undefined {
  try {
    closeSync(openSync(directory, ...nameless));
    return undefined;
  } catch (error) {
    return refusalIn(error);
  }
}

/** The same off this thread. */
export async function refusalOfWritesLater(directory: string): Promise<Refusal | undefined> {
  try {
    await (await open(directory, ...nameless)).close();
    return undefined;
  } catch (error) {
    return refusalIn(error);
  }
}

function refusalIn(error: unknown): Refusal | undefined {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EROFS" || code === "EIO" ? code : undefined;
}
