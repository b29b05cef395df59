import koffi from "koffi";
import { closeFd, errnoName, libc } from "./libc.ts";

const call = libc.func("syscall", "long", ["long", "long", "const char *", "long", "void *", "size_t"]);
const openat2 = libc.func("syscall", "long", ["long", "int", "const char *", "void *", "size_t"]);
const seccomp = libc.func("syscall", "long", ["long", "unsigned int", "unsigned int", "void *"]);
const prctl = libc.func(
  "int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)",
);

/** The same on every architecture (unified since 424). */
const numbers = {
  open_tree: 428,
  move_mount: 429,
  pidfd_open: 434,
  clone3: 435,
  openat2: 437,
  mount_setattr: 442,
};
/** Older than that, so each architecture has its own. */
const seccompNumbers: Readonly<Record<string, number>> = { x64: 317, arm64: 277 };
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE_CLOEXEC = 0o2000001;
const O_PATH_CLOEXEC = 0o12000000;
const RESOLVE_BENEATH = 0x08n;
const MOUNT_ATTR_RDONLY = 0x1n;
const PR_GET_SECCOMP = 21;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_USER_NOTIF = 0x7fc00000;
const SECCOMP_RET_ERRNO = 0x00050000;

/** What the kernel answered to a probe: undefined when it works, else the errno's name. */
export type KernelAnswer = string | undefined;

/** Features of the kernel that can be asked for without leaving anything behind. */
export type KernelFeature =
  | "openat2"
  | "open_tree"
  | "mount_setattr"
  | "move_mount"
  | "pidfd_open"
  | "clone3"
  | "seccomp filters"
  | "seccomp user notification";

/**
 * Asks the kernel for each feature by using it: what a version number promises may be left out of a build, or be
 * withheld by a filter. Nothing is left behind: mounts are made aside and never attached.
 */
export function probeKernel(): ReadonlyMap<KernelFeature, KernelAnswer> {
  return new Map<KernelFeature, KernelAnswer>([
    ["openat2", openBeneathRoot()],
    ["open_tree", onDetachedMount(() => undefined)],
    ["mount_setattr", onDetachedMount(makeReadOnly)],
    // Of no descriptor at all, so that nothing is moved: EBADF comes from the call itself.
    [
      "move_mount",
      answerOf(call(numbers.move_mount, -1, "", -1, null, 0), "EBADF", "ENOENT", "EFAULT", "EINVAL"),
    ],
    ["pidfd_open", closed(call(numbers.pidfd_open, process.pid, null, 0, null, 0))],
    // A structure of size 0 is refused before anything is cloned.
    ["clone3", answerOf(call(numbers.clone3, 0, null, 0, null, 0), "EINVAL", "EFAULT")],
    ["seccomp filters", seccompAction(SECCOMP_RET_ERRNO)],
    ["seccomp user notification", seccompAction(SECCOMP_RET_USER_NOTIF)],
  ]);
}

/** Names what went wrong; errors that only a kernel with the feature gives count as success. */
function answerOf(result: unknown, ...alsoFine: readonly string[]): KernelAnswer {
  if (Number(result) >= 0) return undefined;
  const name = errnoName(koffi.errno());
  return alsoFine.includes(name) ? undefined : name;
}

function closed(result: unknown): KernelAnswer {
  const answer = answerOf(result);
  if (answer === undefined) closeFd(Number(result));
  return answer;
}

function openBeneathRoot(): KernelAnswer {
  const how = new BigUint64Array([BigInt(O_PATH_CLOEXEC), 0n, RESOLVE_BENEATH]);
  return closed(openat2(numbers.openat2, AT_FDCWD, ".", how, how.byteLength));
}

function onDetachedMount(use: (mount: number) => KernelAnswer): KernelAnswer {
  const mount = call(numbers.open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE_CLOEXEC, null, 0);
  const answer = answerOf(mount);
  if (answer !== undefined) return answer;
  try {
    return use(Number(mount));
  } finally {
    closeFd(Number(mount));
  }
}

function makeReadOnly(mount: number): KernelAnswer {
  const attributes = new BigUint64Array([MOUNT_ATTR_RDONLY, 0n, 0n, 0n]);
  return answerOf(call(numbers.mount_setattr, mount, "", AT_EMPTY_PATH, attributes, attributes.byteLength));
}

function seccompAction(action: number): KernelAnswer {
  const inUse = answerOf(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
  const number = seccompNumbers[process.arch];
  if (inUse !== undefined || number === undefined) return inUse;
  return answerOf(seccomp(number, SECCOMP_GET_ACTION_AVAIL, 0, new Uint32Array([action])));
}
