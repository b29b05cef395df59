import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

/** Where the program `name` lies: itself when absolute, else the first in `path`'s directories. Undefined: nowhere. */
export async function programPath(name: string, path: string): Promise<string | undefined> {
  const candidates = isAbsolute(name)
    ? [name]
    : path
        .split(":")
        .filter(isAbsolute)
        .map((directory) => join(directory, name));
  for (const candidate of candidates) {
    const executable = await access(candidate, constants.X_OK)
      .then(() => stat(candidate))
      .then((found) => found.isFile())
      .catch(() => false);
    if (executable) return candidate;
  }
  return undefined;
}
