import { readdirSync } from "node:fs";

/** The names in a directory; none when it isn't there or is no directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENODEV") return [];
    throw error;
  }
}
