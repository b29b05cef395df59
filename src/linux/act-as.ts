import { check, libc } from "./libc.ts";

const prctl = libc.func("int prctl(int option, unsigned long argument, ...)");
const setfsuid = libc.func("int setfsuid(uint32_t uid)");
const setfsgid = libc.func("int setfsgid(uint32_t gid)");
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 4n;

/**
 * Has the calling thread, alone and for its whole life, make files as this user, its capabilities kept (setfsuid(2),
 * capabilities(7)). Where ids are mapped, root of the node may change everything, but make nothing: it has no id there
 * (EOVERFLOW).
 *
 * @throws {SystemCallError} without CAP_SETPCAP
 */
export function makeFilesAs(uid: number, gid: number): void {
  check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), "prctl", "PR_SET_SECUREBITS");
  setfsgid(gid); // neither says whether it worked: making a file does
  setfsuid(uid);
}
