import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { Fault } from "../base/fault.ts";
import { check, errnoOf, libc, systemFault } from "./libc.ts";

const flock = libc.func("int flock(int fd, int operation)");
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the lock that keeps a second daemon away from the same directories, and writes this process's pid
 * into the file. The kernel lets go of it when the process ends, however it ends. The file stays: a lock on a
 * file that was removed would keep nobody away.
 *
 * @returns what lets go of the lock
 * @throws {Fault} wrongState naming the pid that holds it
 */
export function lockFile(path: string): Disposable {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  } catch (error) {
    throw systemFault(`opening the lock ${path}`, error);
  }
  try {
    check(flock(fd, LOCK_EX | LOCK_NB), "flock", path);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch (error) {
    closeSync(fd);
    if (errnoOf(error) !== "EAGAIN") throw systemFault(`locking ${path}`, error);
    const holder = readFileSync(path, "latin1").trim();
    throw new Fault("wrongState", `another berth uses ${path}: pid ${holder === "" ? "unknown" : holder}`, {
      hint: "stop it, or give this one a root and state directory of its own",
    });
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}
