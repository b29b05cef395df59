import koffi from "koffi";
import { check, libc, SystemCallError } from "./libc.ts";

const actionsInit = libc.func("int posix_spawn_file_actions_init(void *actions)");
const actionsDestroy = libc.func("int posix_spawn_file_actions_destroy(void *actions)");
const actionsDup2 = libc.func("int posix_spawn_file_actions_adddup2(void *actions, int fd, int newfd)");
const actionsOpen = libc.func(
  "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)",
);
const actionsChdir = libc.func("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)");
const actionsCloseFrom = libc.func("int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)");
const attributesInit = libc.func("int posix_spawnattr_init(void *attributes)");
const attributesFlags = libc.func("int posix_spawnattr_setflags(void *attributes, short flags)");
const attributesDefaults = libc.func("int posix_spawnattr_setsigdefault(void *attributes, void *signals)");
const fillSignals = libc.func("int sigfillset(void *signals)");
const posixSpawn = libc.func(
  "int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)",
);
const posixSpawnp = libc.func(
  "int posix_spawnp(_Out_ int *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)",
);
const pipe2 = libc.func("int pipe2(_Out_ int *fds, int flags)");
const fcntl = libc.func("int fcntl(int fd, int command, int argument)");

const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const SETPGROUP = 0x02;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
/** More than any glibc gives these opaque types (80, 336 and 128 bytes on x86-64). */
const opaqueBytes = 1024;

/**
 * What the new process is: its file, argv with the name first, environment as `NAME=value`, and its first
 * three fds.
 */
export interface Spawn {
  readonly file: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly cwd: string | undefined;
  /** Undefined: /dev/null. */
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
  /** Become 3, 4, … in the new process. */
  readonly more?: readonly number[];
}

let shared: Buffer | undefined;

/**
 * A process group of its own, no signal blocked, none ignored (Node ignores SIGPIPE, which a child would
 * inherit).
 */
function attributes(): Buffer {
  if (shared !== undefined) return shared;
  const made = Buffer.alloc(opaqueBytes);
  const signals = Buffer.alloc(opaqueBytes);
  fillSignals(signals);
  attributesInit(made);
  attributesDefaults(made, signals);
  attributesFlags(made, SETPGROUP | SETSIGDEF | SETSIGMASK);
  shared = made;
  return made;
}

function fileActions(spawn: Spawn): Buffer {
  const actions = Buffer.alloc(opaqueBytes);
  actionsInit(actions);
  if (spawn.stdin === undefined) actionsOpen(actions, 0, "/dev/null", 0, 0);
  else actionsDup2(actions, spawn.stdin, 0);
  actionsDup2(actions, spawn.stdout, 1);
  actionsDup2(actions, spawn.stderr, 2);
  const more = spawn.more ?? [];
  for (const [index, fd] of more.entries()) actionsDup2(actions, fd, 3 + index);
  actionsCloseFrom(actions, 3 + more.length);
  if (spawn.cwd !== undefined) actionsChdir(actions, spawn.cwd);
  return actions;
}

/**
 * Starts a process on a thread of the pool, which the kernel holds until the exec is done; the caller's
 * thread goes on. Unlike a fork it copies no page tables, so its price does not grow with the daemon's
 * memory. The caller reaps.
 *
 * @returns the pid, also its process group
 * @throws {SystemCallError} with the errno of the exec, or of the change of directory
 */
export function posixSpawnAsync(spawn: Spawn): Promise<number> {
  const actions = fileActions(spawn);
  const pid: [number] = [0];
  const argv = [...spawn.argv, null];
  const environment = [...spawn.environment, null];
  return new Promise<number>((resolve, reject) => {
    const done = (error: unknown, errno: number) => {
      actionsDestroy(actions);
      if (error !== null) reject(error);
      else if (errno !== 0) reject(new SystemCallError("posix_spawn", spawn.file, errno));
      else resolve(pid[0]);
    };
    posixSpawn.async(pid, spawn.file, actions, attributes(), argv, environment, done);
  });
}

/**
 * The same on the calling thread, which is held for that millisecond; `file` may be a name, which is looked up in this
 * process's PATH. For worker threads.
 *
 * @returns the pid, also its process group
 * @throws {SystemCallError}
 */
export function posixSpawnSync(spawn: Spawn): number {
  const actions = fileActions(spawn);
  try {
    const pid: [number] = [0];
    const errno: number = posixSpawnp(
      pid,
      spawn.file,
      actions,
      attributes(),
      [...spawn.argv, null],
      [...spawn.environment, null],
    );
    if (errno !== 0) throw new SystemCallError("posix_spawn", spawn.file, errno);
    return pid[0];
  } finally {
    actionsDestroy(actions);
  }
}

/**
 * A pipe whose ends are closed in every program that is started: `[read, write]`. @throws {SystemCallError}
 */
export function closeOnExecPipe(): [number, number] {
  const fds = new Int32Array(2);
  check(pipe2(fds, O_CLOEXEC), "pipe2", "");
  const [read, write] = fds;
  if (read === undefined || write === undefined)
    throw new Error(`pipe2 gave no descriptors, errno ${koffi.errno()}`);
  return [read, write];
}

/** Lets reads and writes of this end of a pipe fail with EAGAIN instead of waiting. The other end is as it was. */
export function setNonBlocking(fd: number): void {
  check(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl", "F_SETFL");
}
