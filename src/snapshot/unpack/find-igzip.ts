import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** The path of igzip (Debian: package isal) in the directories of `searchPath` (as `PATH`), or undefined. */
export function findIgzip(searchPath: string): string | undefined {
  for (const directory of searchPath.split(":")) {
    if (!directory.startsWith("/")) continue;
    const file = join(directory, "igzip");
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this one
    }
  }
  return undefined;
}
