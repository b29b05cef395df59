import { cString, type PathBytes, shown } from "./c-string.ts";
import { check, libc } from "./libc.ts";

const calls = {
  mkdirat: libc.func("int mkdirat(int dirfd, const char *path, uint32_t mode)"),
  mknodat: libc.func("int mknodat(int dirfd, const char *path, uint32_t mode, uint64_t device)"),
  symlinkat: libc.func("int symlinkat(const char *target, int dirfd, const char *path)"),
  linkat: libc.func("int linkat(int from, const char *path, int to, const char *target, int flags)"),
  unlinkat: libc.func("int unlinkat(int dirfd, const char *path, int flags)"),
  renameat2: libc.func(
    "int renameat2(int from, const char *path, int to, const char *target, unsigned int flags)",
  ),
  fchownat: libc.func("int fchownat(int dirfd, const char *path, uint32_t uid, uint32_t gid, int flags)"),
  fchmodat: libc.func("int fchmodat(int dirfd, const char *path, uint32_t mode, int flags)"),
  utimensat: libc.func("int utimensat(int dirfd, const char *path, void *times, int flags)"),
};

/** In place of a directory's descriptor: paths are relative to the working directory, or absolute. */
export const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_SYMLINK_FOLLOW = 0x400;
const AT_EMPTY_PATH = 0x1000;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

// All of these are synchronous and meant for worker threads. The kernel resolves every part of a name but the
// last, links included: a caller that handles foreign names passes single parts and a directory from
// openBeneath. All throw SystemCallError.

/** mkdirat(2); the mode is subject to the umask. */
export function mkdirAt(directory: number, name: PathBytes, mode: number): void {
  check(calls.mkdirat(directory, cString(name), mode), "mkdirat", shown(name));
}

/** The kernel's number for a device (makedev(3)). */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
  );
}

/**
 * mknodat(2); `mode` holds the type (S_IFCHR, S_IFBLK, S_IFIFO) and permissions; `device` as from
 * `deviceNumber`.
 */
export function mknodAt(directory: number, name: PathBytes, mode: number, device: bigint): void {
  check(calls.mknodat(directory, cString(name), mode, device), "mknodat", shown(name));
}

/** symlinkat(2): makes `name`, a link that says `target`. */
export function symlinkAt(target: PathBytes, directory: number, name: PathBytes): void {
  check(calls.symlinkat(cString(target), directory, cString(name)), "symlinkat", shown(name));
}

/**
 * linkat(2): another name for a file. A symbolic link at the end of `from` is linked itself, not followed.
 */
export function linkAt(fromDirectory: number, from: PathBytes, directory: number, name: PathBytes): void {
  check(calls.linkat(fromDirectory, cString(from), directory, cString(name), 0), "linkat", shown(name));
}

/** linkat(2) of an open file, of O_TMPFILE or O_PATH, which is reached without its name. */
export function linkFdAt(fd: number, directory: number, name: PathBytes): void {
  const path = `/proc/self/fd/${fd}`;
  check(calls.linkat(AT_FDCWD, path, directory, cString(name), AT_SYMLINK_FOLLOW), "linkat", shown(name));
}

/** unlinkat(2) of anything but a directory. */
export function unlinkAt(directory: number, name: PathBytes): void {
  check(calls.unlinkat(directory, cString(name), 0), "unlinkat", shown(name));
}

/** unlinkat(2) of an empty directory. */
export function rmdirAt(directory: number, name: PathBytes): void {
  check(calls.unlinkat(directory, cString(name), AT_REMOVEDIR), "unlinkat", shown(name));
}

/** Has two absolute paths change places at once (renameat2(2)). Both must be there. */
export function exchange(one: string, other: string): void {
  const result = calls.renameat2(AT_FDCWD, cString(one), AT_FDCWD, cString(other), RENAME_EXCHANGE);
  check(result, "renameat2", `${one} and ${other}`);
}

/** renameat2(2); with `replace` false it fails with EEXIST rather than replace what is there. */
export function renameAt(
  fromDirectory: number,
  from: PathBytes,
  directory: number,
  name: PathBytes,
  options: { replace: boolean } = { replace: true },
): void {
  const flags = options.replace ? 0 : RENAME_NOREPLACE;
  check(
    calls.renameat2(fromDirectory, cString(from), directory, cString(name), flags),
    "renameat2",
    shown(name),
  );
}

/**
 * fchownat(2) that does not follow a link. Clears setuid, setgid and file capabilities: chmod and setxattr
 * come after.
 */
export function chownAt(directory: number, name: PathBytes, uid: number, gid: number): void {
  check(calls.fchownat(directory, cString(name), uid, gid, AT_SYMLINK_NOFOLLOW), "fchownat", shown(name));
}

/** The owner of what an O_PATH descriptor stands for, a symbolic link too. */
export function chownFd(fd: number, uid: number, gid: number): void {
  check(calls.fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), "fchownat", `fd ${fd}`);
}

/** fchmodat(3) that does not follow a link, and fails for one (EOPNOTSUPP): links have no mode. */
export function chmodAt(directory: number, name: PathBytes, mode: number): void {
  check(calls.fchmodat(directory, cString(name), mode, AT_SYMLINK_NOFOLLOW), "fchmodat", shown(name));
}

/** A time in nanoseconds since 1970, negative before it. */
export interface FileTimes {
  readonly accessed: bigint;
  readonly modified: bigint;
}

/** utimensat(2) that does not follow a link. */
export function utimesAt(directory: number, name: PathBytes, times: FileTimes): void {
  const spec = new BigInt64Array([...timespec(times.accessed), ...timespec(times.modified)]);
  check(calls.utimensat(directory, cString(name), spec, AT_SYMLINK_NOFOLLOW), "utimensat", shown(name));
}

function timespec(nanos: bigint): [bigint, bigint] {
  const second = 1_000_000_000n;
  const rest = ((nanos % second) + second) % second;
  return [(nanos - rest) / second, rest];
}
