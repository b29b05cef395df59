import { constants } from "node:os";
import koffi from "koffi";
import { Fault, type FaultKind, nodeIsExhausted } from "../base/fault.ts";
import { remedyFor } from "./remedy.ts";

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
  /** What it was about, where that is a path. */
  readonly path: string | undefined;

  constructor(syscall: string, on: string, errno: number) {
    super(`${syscall} ${on}: ${errnoName(errno)}`);
    this.path = on.startsWith("/") ? on : undefined;
    this.code = errnoName(errno);
    this.errno = errno;
    this.syscall = syscall;
  }
}

const kinds: Readonly<Record<string, FaultKind>> = {
  EAGAIN: "exhausted", // of what takes a process or thread: what may be waited for is not given up
  ENOENT: "notFound",
  EEXIST: "alreadyExists",
  E2BIG: "exhausted",
  EACCES: "forbidden",
  EPERM: "forbidden",
};

/** The kind of fault that an errno stands for, where the caller knows no better. */
export function kindOfErrno(code: string | undefined): FaultKind {
  if (code === undefined) return "internal";
  return kinds[code] ?? (nodeIsExhausted(code) ? "exhausted" : "internal");
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

/** True for what the kernel refused, whoever asked: Node throws other errors that have a `code`, too. */
export function isSystemError(error: unknown): boolean {
  const code = errnoOf(error);
  return code !== undefined && code in constants.errno;
}

/** What the caller of a failed call knows besides its error. */
export interface FailedCall {
  /** What it was about: the error names none where it was an open file. */
  readonly path?: string;
  /** What to do, where that is not plain from the errno. */
  readonly hint?: string | undefined;
}

/**
 * Wraps a failed call as a Fault that keeps what the kernel said. Where that speaks of the node (a disk is full, read-only or
 * fails; no more open files), the hint says which, how full, and what to do.
 */
export function systemFault(doing: string, error: unknown, { path, hint }: FailedCall = {}): Fault {
  const code = errnoOf(error);
  const what = hint ?? remedyFor(code, path ?? pathOf(error));
  return new Fault(kindOfErrno(code), doing, {
    cause: error,
    ...(what === undefined ? {} : { hint: what }),
  });
}

function pathOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("path" in error)) return undefined;
  return typeof error.path === "string" ? error.path : undefined;
}

const close = libc.func("int close(int fd)");

/**
 * Closes a descriptor that came from a C call. Node's own close complains, on a worker thread, of one that it
 * did not open itself.
 */
export function closeFd(fd: number): void {
  close(fd);
}
