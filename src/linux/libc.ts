import { constants } from "node:os";
import koffi from "koffi";
import { Fault, type FaultKind } from "../base/fault.ts";

/**
 * The C library that Node itself runs on (glibc; 2.34 or later for
 * `posix_spawn_file_actions_addclosefrom_np`).
 */
export const libc = koffi.load("libc.so.6");

const names = new Map(Object.entries(constants.errno).map(([name, value]) => [value as number, name]));
names.set(constants.errno.EAGAIN, "EAGAIN"); // not its other name EWOULDBLOCK: as Node has it

/** `ENOENT` for 2, and so on. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/**
 * A system call that failed: which, on what, and the errno. The shape of Node's own, so that `code` can be
 * asked.
 */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, on: string, errno: number) {
    super(`${syscall} ${on}: ${errnoName(errno)}`);
    this.code = errnoName(errno);
    this.errno = errno;
    this.syscall = syscall;
  }
}

const kinds: Readonly<Record<string, FaultKind>> = {
  ENOENT: "notFound",
  EEXIST: "alreadyExists",
  ENOSPC: "exhausted",
  EDQUOT: "exhausted",
  ENOMEM: "exhausted",
  EMFILE: "exhausted",
  ENFILE: "exhausted",
  E2BIG: "exhausted",
  EACCES: "forbidden",
  EPERM: "forbidden",
};

/** The kind of fault that an errno stands for, where the caller knows no better. */
export function kindOfErrno(code: string | undefined): FaultKind {
  return (code === undefined ? undefined : kinds[code]) ?? "internal";
}

/** Throws for a C call that said -1; koffi keeps errno for each thread. @throws {SystemCallError} */
export function check(result: number, syscall: string, on: string): number {
  if (result < 0) throw new SystemCallError(syscall, on, koffi.errno());
  return result;
}

/** The errno name of a thrown value, Node's or ours; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Wraps a failed call as a Fault that keeps what the kernel said. */
export function systemFault(doing: string, error: unknown, hint?: string): Fault {
  return new Fault(kindOfErrno(errnoOf(error)), doing, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

const close = libc.func("int close(int fd)");

/**
 * Closes a descriptor that came from a C call. Node's own close complains, on a worker thread, of one that it
 * did not open itself.
 */
export function closeFd(fd: number): void {
  close(fd);
}
