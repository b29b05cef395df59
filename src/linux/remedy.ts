import { Fault } from "../base/fault.ts";
import { size } from "../base/units.ts";
import { type FileSystemState, fewInodes, fileSystemState, isFull } from "./file-system-state.ts";

/**
 * What stands behind an errno that speaks of the node rather than of what was tried, and what to do about it. Undefined for
 * every other.
 *
 * @param path what was read or written, where that is known
 */
export function remedyFor(code: string | undefined, path: string | undefined): string | undefined {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EROFS":
    case "EIO":
    case "EUCLEAN":
      return ofFileSystem(code, path === undefined ? undefined : fileSystemState(path));
    case "EMFILE":
      return `the daemon has as many files open as it may (grep "open files" /proc/${process.pid}/limits): LimitNOFILE= in its unit, or ulimit -n before it is started, allows more`;
    case "ENFILE":
      return "the whole node has as many files open as it may: sysctl fs.file-nr fs.file-max";
    case "EAGAIN":
      return "the daemon may start no more processes and threads: pids.max of its cgroup (TasksMax= in its unit), or kernel.threads-max and kernel.pid_max of the node";
    case "ENOMEM":
      return "the daemon may not take more memory: see memory.max of its cgroup, and what is free on the node";
    default:
      return undefined;
  }
}

/**
 * What stands behind a failure whose error does not say what to do: by the errno in its causes, or, where a program failed
 * that was started, by the state of the file systems that such programs write to.
 */
export function remedyBehind(error: unknown, directories: readonly string[]): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 16; at = at.cause, depth++) {
    if (at instanceof Fault && at.hint !== undefined) return undefined;
    if (!("code" in at) || typeof at.code !== "string") continue;
    const found = remedyFor(at.code, "path" in at && typeof at.path === "string" ? at.path : undefined);
    if (found !== undefined) return found;
  }
  return directories.map(troubleAt).find((trouble) => trouble !== undefined);
}

/** As `troubleOf`, of the file system that holds `path`. */
export function troubleAt(path: string): string | undefined {
  const state = fileSystemState(path);
  return state && troubleOf(state);
}

/** Why nothing can be written to a file system, and what to do; undefined while something can. */
export function troubleOf(state: FileSystemState): string | undefined {
  if (state.isReadOnly) return ofFileSystem("EROFS", state);
  return isFull(state) ? ofFileSystem("ENOSPC", state) : undefined;
}

function ofFileSystem(code: string, state: FileSystemState | undefined): string {
  if (state === undefined) return withoutFigures(code);
  const { target, type, source, isReadOnly, free, inodes, freeInodes } = state;
  const which = `${target} (${[type, ...(source.startsWith("/") ? [source] : [])].join(", ")})`;
  if (state.hasGivenUp || (code === "EROFS" && !isReadOnly))
    return `${which} takes nothing since an error of its disk (journalctl -k): once that is well it must be checked and ${mountedAnew}`;
  if (isReadOnly && code !== "ENOSPC")
    return `${which} is read-only, as after an error of its disk (journalctl -k): mount -o remount,rw ${target}; where the kernel refuses that, it must be checked and ${mountedAnew}`;
  if (code === "EIO" || code === "EUCLEAN")
    return `${which} can't be read or written as it should: journalctl -k tells what its disk says; if it stays so once that is well, it must be ${mountedAnew}`;
  if (code === "EDQUOT") return `a quota of ${which} is used up`;
  if (inodes > 0 && freeInodes < fewInodes)
    return `${which} has ${freeInodes} of its ${inodes} inodes left: ${freeing}, or remove small files: find ${target} -xdev -type d -size +64k`;
  return `${which} has ${size(free)} of ${size(state.size)} left: ${freeing}, or see what takes it: du -xh --max-depth=2 ${target}`;
}

/** ext4, xfs and btrfs give up for good when their journal can't be written; no remount changes that. */
const mountedAnew = "mounted anew, as a rule by a reboot";
const freeing = "berth prune --all takes away what no container needs";

function withoutFigures(code: string): string {
  if (code === "EROFS") return "a file system is read-only: journalctl -k tells why";
  if (code === "EIO" || code === "EUCLEAN") return "a disk fails: journalctl -k tells";
  return `a disk is full: ${freeing}`;
}
