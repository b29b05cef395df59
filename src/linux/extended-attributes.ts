import { constants } from "node:os";
import koffi from "koffi";
import { cString, type PathBytes, shown } from "./c-string.ts";
import { check, libc } from "./libc.ts";

const lsetxattr = libc.func(
  "int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)",
);
const lgetxattr = libc.func(
  "intptr_t lgetxattr(const char *path, const char *name, void *value, size_t size)",
);
const llistxattr = libc.func("intptr_t llistxattr(const char *path, void *list, size_t size)");
const lremovexattr = libc.func("int lremovexattr(const char *path, const char *name)");

/** The kernel's own bounds for a value and for a list of names (xattr(7)), so that one call always does. */
const maxBytes = 65536;
let scratch: Uint8Array | undefined;

// Synchronous, meant for worker threads; none follows a link at the end of `path`. To reach a name in an open
// directory safely, or an open O_PATH file, pass what `pathAt` makes. All throw SystemCallError.

/** lsetxattr(2): makes or replaces. ENOTSUP: this file system or this kind of file has none. */
export function setExtendedAttribute(path: PathBytes, name: string, value: Uint8Array): void {
  check(
    lsetxattr(cString(path), cString(name), value, value.length, 0),
    "lsetxattr",
    `${name} of ${shown(path)}`,
  );
}

/** lgetxattr(2); undefined when the file does not have it. */
export function getExtendedAttribute(path: PathBytes, name: string): Uint8Array | undefined {
  scratch ??= new Uint8Array(maxBytes);
  const size = lgetxattr(cString(path), cString(name), scratch, scratch.length) as number;
  if (size < 0 && koffi.errno() === constants.errno.ENODATA) return undefined;
  check(size, "lgetxattr", `${name} of ${shown(path)}`);
  return scratch.slice(0, size);
}

/** llistxattr(2): the names, in the kernel's order; empty where the file system has none. */
export function listExtendedAttributes(path: PathBytes): string[] {
  scratch ??= new Uint8Array(maxBytes);
  const size = llistxattr(cString(path), scratch, scratch.length) as number;
  if (size < 0 && koffi.errno() === constants.errno.ENOTSUP) return [];
  check(size, "llistxattr", shown(path));
  const names = Buffer.from(scratch.buffer, 0, size).toString("utf8");
  return names.split("\0").filter((name) => name !== "");
}

/** lremovexattr(2); fails with ENODATA when the file does not have it. */
export function removeExtendedAttribute(path: PathBytes, name: string): void {
  check(lremovexattr(cString(path), cString(name)), "lremovexattr", `${name} of ${shown(path)}`);
}
