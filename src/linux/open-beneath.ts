import { constants } from "node:fs";
import { constants as os } from "node:os";
import koffi from "koffi";
import { cString, type PathBytes, shown } from "./c-string.ts";
import { check, closeFd, errnoOf, libc } from "./libc.ts";
import { callOnPool } from "./pool-calls.ts";

const openat = libc.func("int openat(int dirfd, const char *path, int flags, uint32_t mode)");
const openat2 = libc.func("syscall", "long", ["long", "int", "const char *", "void *", "size_t"]);

/** The same number on every architecture (unified since 424). */
const SYS_openat2 = 437;
/** Node does not name these. */
export const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;

const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;
const RESOLVE_IN_ROOT = 0x10n;

/**
 * How a path is kept within the root (openat2(2)). `beneath`: whatever would leave it, an absolute link or
 * `..` too many, fails with EXDEV. `inRoot`: the root is `/`, as for a process in a chroot. `noLinks`: no
 * symbolic link on the way, nor at the end, fails with ELOOP.
 */
export type Confinement = "beneath" | "inRoot" | "noLinks";

const resolve: Readonly<Record<Confinement, bigint>> = {
  beneath: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  inRoot: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  noLinks: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
};

/** How often the kernel may ask for another try. */
const maxRaces = 32;

/** The kernel's struct open_how, filled anew for each call. */
const how = new BigUint64Array(3);

/** A descriptor that is closed when disposed of; `fd` is not to be used after that. */
export interface OwnedFd extends Disposable {
  readonly fd: number;
}

function owned(fd: number): OwnedFd {
  let open = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      closeFd(fd);
    },
  };
}

export interface OpenBeneathOptions {
  /** `beneath` unless said otherwise. */
  readonly confine?: Confinement;
  /** Permissions of a file that O_CREAT makes. */
  readonly mode?: number;
}

/**
 * Opens `path`, which may come from an image, without ever leaving `root`. Synchronous: for worker threads.
 *
 * @param root a directory's descriptor
 * @param path relative to the root; with `inRoot` a leading `/` means the root
 * @param flags as for open(2); close-on-exec is added
 * @throws {SystemCallError} EXDEV when it would leave the root, ELOOP for links that are not allowed, and
 * open's own
 */
export function openBeneath(
  root: number,
  path: PathBytes,
  flags: number,
  options: OpenBeneathOptions = {},
): OwnedFd {
  const creates = (flags & constants.O_CREAT) !== 0;
  how[0] = BigInt(flags | O_CLOEXEC);
  how[1] = BigInt(creates ? (options.mode ?? 0o600) : 0);
  how[2] = resolve[options.confine ?? "beneath"];
  const name = cString(path);
  // EAGAIN: a rename somewhere on the machine raced with a `..`; the kernel asks for another try
  // (openat2(2)).
  for (let tries = 0; ; tries++) {
    const fd = openat2(SYS_openat2, root, name, how, how.byteLength) as number;
    if (fd >= 0) return owned(fd);
    if (tries >= maxRaces || koffi.errno() !== os.errno.EAGAIN)
      return owned(check(fd, "openat2", shown(path)));
  }
}

/**
 * Finds `path` with `root` as its `/`, on the pool: as `openBeneath` with O_PATH and `inRoot`, for the main thread, where
 * the disk may be slow.
 *
 * @throws {SystemCallError}
 */
export async function openInRoot(root: number, path: string): Promise<OwnedFd> {
  const wanted = new BigUint64Array([
    BigInt(O_PATH | O_CLOEXEC),
    0n,
    RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  ]);
  const size = wanted.byteLength;
  for (let tries = 0; ; tries++) {
    try {
      const name = cString(path);
      return owned(await callOnPool(openat2, "openat2", shown(path), SYS_openat2, root, name, wanted, size));
    } catch (error) {
      if (tries >= maxRaces || errnoOf(error) !== "EAGAIN") throw error;
    }
  }
}

/**
 * Opens a directory that berth itself named, as the root for the calls of this file. Its last part must not
 * be a link.
 *
 * @throws {SystemCallError} ENOENT, ENOTDIR, ELOOP
 */
export function openDirectory(path: string): OwnedFd {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;
  return owned(check(openat(AT_FDCWD, cString(path), flags, 0), "open", shown(path)));
}

/**
 * A path by which Node's own synchronous calls reach `name` in an open directory. `name` must be a single
 * part; a link at its end is followed or not as the call does (lstat, readlink, chmod …).
 */
export function pathAt(directory: number, name?: string): string {
  const base = `/proc/self/fd/${directory}`;
  return name === undefined ? base : `${base}/${name}`;
}
