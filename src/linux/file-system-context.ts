import { cString } from "./c-string.ts";
import { check, libc } from "./libc.ts";

const fsopenCall = libc.func("syscall", "long", ["long", "const char *", "unsigned int"]);
/** fsconfig(2): 0 or -1; the first argument is its number. */
export const fsconfig = libc.func("syscall", "long", [
  "long",
  "int",
  "unsigned int",
  "const char *",
  "const char *",
  "int",
]);
const fsmountCall = libc.func("syscall", "long", ["long", "int", "unsigned int", "unsigned int"]);

/** The same on every architecture. */
const SYS_fsopen = 430;
export const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
export const FSCONFIG_SET_STRING = 1;
export const FSCONFIG_CMD_CREATE = 6;

/** A context to set a file system up in. @throws {SystemCallError} ENODEV where the kernel has no such type */
export function fsopen(type: string): number {
  return check(Number(fsopenCall(SYS_fsopen, cString(type), FSOPEN_CLOEXEC)), "fsopen", type);
}

/** A mount of what was created in `context`, attached nowhere. @throws {SystemCallError} */
export function fsmount(context: number, type: string): number {
  return check(Number(fsmountCall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0)), "fsmount", type);
}
