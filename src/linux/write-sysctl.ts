import { closeSync, constants, openSync, writeSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { check, errnoOf, libc, systemFault } from "./libc.ts";
import { LostThread } from "./lost-thread.ts";

const threadCall = libc.func("syscall", "long", ["long", "int", "int", "int"]);
const prctl = libc.func(
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
);

/** Each architecture has its own. The C library's function of that name would change every thread of the process. */
const setresuidNumbers: Readonly<Record<string, number>> = { x64: 117, arm64: 147 };
const UNCHANGED = -1;
const PR_SET_DUMPABLE = 4;

/** What the kernel says to a value or name that it does not take, as opposed to a right that the daemon lacks. */
const refusals: readonly (string | undefined)[] = [
  "EINVAL",
  "ENOENT",
  "ERANGE",
  "EACCES",
  "EPERM",
  "ENOTDIR",
  "EISDIR",
];

/** A setting of the calling thread's namespaces, and its file. */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
  readonly file: string;
}

/**
 * Writes a setting in the namespaces of the calling thread.
 *
 * @param rootId who is root in the user namespace that owns them; undefined: the host's root. From Linux 6.11 on the
 *   settings of an IPC namespace are for that one alone to write
 * @throws {Fault} invalid when the kernel refuses it
 * @throws {LostThread}
 */
export function writeSysctl(sysctl: Sysctl, rootId: number | undefined): void {
  const { name, value } = sysctl;
  try {
    try {
      writeNow(sysctl);
    } catch (error) {
      if (rootId === undefined || errnoOf(error) !== "EACCES") throw error;
      withUser(rootId, () => writeNow(sysctl));
    }
  } catch (error) {
    if (error instanceof LostThread) throw error;
    if (refusals.includes(errnoOf(error)))
      throw new Fault("invalid", `sysctl ${name}=${value}: refused`, { cause: error });
    throw systemFault(`setting sysctl ${name}=${value}`, error);
  }
}

function writeNow({ value, file }: Sysctl): void {
  const fd = openSync(file, constants.O_WRONLY); // some can only be written
  try {
    writeSync(fd, value);
  } finally {
    closeSync(fd);
  }
}

/** Acts with another effective user; the saved one stays root, and what root may do comes back with it. */
function withUser(uid: number, act: () => void): void {
  become(uid);
  try {
    act();
  } finally {
    becomeRoot();
  }
}

function become(uid: number): void {
  const setresuid = setresuidNumbers[process.arch];
  if (setresuid === undefined) throw new Error(`the number of setresuid on ${process.arch} is not known`);
  check(Number(threadCall(setresuid, UNCHANGED, uid, UNCHANGED)), "setresuid", `${uid}`);
}

function becomeRoot(): void {
  try {
    become(0);
    check(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl", "PR_SET_DUMPABLE"); // the change had forbidden core dumps
  } catch (error) {
    throw new LostThread("the thread can not become root again", { cause: error });
  }
}
