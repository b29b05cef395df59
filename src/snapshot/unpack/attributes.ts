import type { PathBytes } from "../../linux/c-string.ts";
import {
  listExtendedAttributes,
  removeExtendedAttribute,
  setExtendedAttribute,
} from "../../linux/extended-attributes.ts";
import { errnoOf } from "../../linux/libc.ts";

/**
 * Attributes that a layer may not bring: overlayfs takes its own from them (a layer could hide or redirect what lies
 * below), and a label of the machine that built the image says nothing here.
 */
function isForeign(name: string): boolean {
  return (
    name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.") || name === "security.selinux"
  );
}

/** Inherited by everything that is made in a directory: set last. */
const inherited = "system.posix_acl_default";

/** The attributes that are set, apart into those for now and those for when the directory is complete. */
export function sortAttributes(all: ReadonlyMap<string, Uint8Array>): {
  now: ReadonlyMap<string, Uint8Array>;
  late: ReadonlyMap<string, Uint8Array>;
} {
  if (all.size === 0) return { now: all, late: all };
  const now = new Map<string, Uint8Array>();
  const late = new Map<string, Uint8Array>();
  for (const [name, value] of all) if (!isForeign(name)) (name === inherited ? late : now).set(name, value);
  return { now, late };
}

/**
 * Sets extended attributes. Where the file system or the kind of file can't have one, it is left out: as in every
 * other runtime, an image with attributes unpacks on such a disk. Not so file capabilities, which programs rely on.
 *
 * @throws {SystemCallError}
 */
export function setAttributes(path: PathBytes, attributes: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, value] of attributes) {
    try {
      setExtendedAttribute(path, name, value);
    } catch (error) {
      const code = errnoOf(error);
      const unsupported =
        code === "ENOTSUP" || code === "EOPNOTSUPP" || (code === "EPERM" && name.startsWith("user."));
      if (!unsupported || name === "security.capability") throw error;
    }
  }
}

/** Takes away what an earlier entry of the same directory had set. @throws {SystemCallError} */
export function clearAttributes(path: PathBytes): void {
  for (const name of listExtendedAttributes(path)) if (!isForeign(name)) removeExtendedAttribute(path, name);
}
