import { existsSync, statfsSync } from "node:fs";

/** Magic of the file system that namespaces lie on (include/uapi/linux/magic.h). */
const nsfsMagic = 0x6e736673;

/**
 * The first of `paths` at which a namespace is pinned; empty when there is none, which plugins take for
 * "gone" at DEL (CNI spec 1.1, section 2). What is left of a pin after a reboot is an empty file, which they
 * don't take.
 */
export function firstPinned(paths: readonly string[]): string {
  return paths.find((path) => path !== "" && isPinned(path)) ?? "";
}

function isPinned(path: string): boolean {
  try {
    return existsSync(path) && statfsSync(path).type === nsfsMagic;
  } catch {
    return false; // gone meanwhile
  }
}
