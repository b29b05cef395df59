import type { Duplex } from "node:stream";
import type { Bytes, Ms } from "../base/units.ts";

/** A program to run to its end. No shell; the environment is exactly `env`; every other fd is closed in it. */
export interface Command {
  /** An absolute path, or a name that is looked up in `env.PATH`. */
  readonly path: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  /** Output beyond this is read and dropped, for stdout and stderr each. */
  readonly maxOutput: Bytes;
}

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly truncated: boolean;
}

/** Starts host programs, off the main thread (a spawn blocks its thread for 3 to 6 ms). */
export interface Processes {
  /**
   * Runs to the end. An abort kills the whole process group (KILL) and rejects.
   * @throws {Fault} unavailable when there is no such program (MissingProgram); deadline or cancelled as the signal says
   */
  run(command: Command, signal: AbortSignal): Promise<Finished>;
}

/** One line of /proc/self/mountinfo (proc(5)). */
export interface MountEntry {
  readonly id: number;
  readonly parent: number;
  readonly root: string;
  readonly target: string;
  readonly type: string;
  readonly source: string;
  readonly options: string;
  readonly superOptions: string;
  /** Whether what is mounted below it is seen in other mount namespaces, too. */
  readonly isShared: boolean;
}

/** What a bind mount is to be like; what is not named is as at its source. */
export interface BindOptions {
  /** With the mounts below the source, to which all else then applies, too. */
  readonly recursive?: boolean;
  readonly readonly?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
  readonly noexec?: boolean;
  readonly propagation?: "private" | "slave" | "shared";
  /**
   * The file of a user namespace (`/proc/<pid>/ns/user`, or a pin of it): owners of files are seen through its maps
   * (mount_setattr(2), ID-mapped mounts). Of the source's own mount alone: those below it may lie on file systems that can't.
   * The kernel refuses these, and mounts that are mapped already.
   */
  readonly idmap?: string;
}

/** mount(2) and umount2(2), and their successors on file descriptors. */
export interface Mounts {
  /**
   * `options` as in fstab; flags and data are told apart here. An overlay's `volatile` is left out where the kernel refuses it.
   * @throws {Fault} internal naming the call and errno
   */
  mount(source: string, target: string, type: string, options: readonly string[]): Promise<void>;
  /** @throws {Fault} internal naming the call and errno */
  bind(source: string, target: string, options?: BindOptions): Promise<void>;
  /**
   * Binds the directory or file that `path` names within the directory `root`, as a process in a chroot there would find
   * it: no link leads out. Makes `target`, of the same kind, which must not be there.
   * @throws {Fault} notFound when there is no such thing in `root`; invalid for what is neither directory nor file
   */
  bindWithin(root: string, path: string, target: string, options?: BindOptions): Promise<void>;
  /** Takes away every mount stacked on `target`. Succeeds when there is none, or no such path. */
  unmount(target: string): Promise<void>;
  /** Every mount at or below `directory`, deepest first. */
  below(directory: string): Promise<MountEntry[]>;
}

/** Whom a file is given to: ids as the host has them. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** One change of the host's files; what is to be gone may be gone, a directory that is to be made may be there. */
export type FileChange =
  | { readonly change: "makeDirectory"; readonly path: string; readonly mode: number }
  /** With those above it, within `root` as a process in a chroot there would; what is at `path` already may be anything. */
  | {
      readonly change: "makeDirectoryWithin";
      readonly root: string;
      readonly path: string;
      readonly mode: number;
      /** Of what is made. Undefined: this process's own user. */
      readonly owner?: FileOwner | undefined;
    }
  | {
      readonly change: "write";
      readonly path: string;
      readonly text: string;
      readonly mode: number;
      /** Undefined: this process's own user. */
      readonly owner?: FileOwner | undefined;
    }
  /** Whole or not at all, by way of `<path>.new`. */
  | { readonly change: "replace"; readonly path: string; readonly text: string; readonly mode: number }
  /** Makes the file, or leaves what is in it; never through a symbolic link. */
  | { readonly change: "beginLog"; readonly path: string; readonly mode: number }
  | { readonly change: "remove"; readonly path: string }
  | { readonly change: "removeDirectory"; readonly path: string }
  | { readonly change: "removeTree"; readonly path: string };

/** Changes of files off the main thread, several in one go: a trip to a thread costs more than each of them. */
export interface Files {
  /** One after the other, up to the first that fails. @throws {Fault} naming that one, of the kind that the kernel's answer stands for */
  change(changes: readonly FileChange[]): Promise<void>;
}

/** SELinux labels of files. */
export interface FileLabels {
  /**
   * Gives a file, or a directory and all below it, the label. Follows no link. File systems without labels are passed over.
   * @param path absolute, links resolved
   * @throws {Fault} invalid for a directory that the host lives by (/usr, /etc, …)
   */
  relabel(path: string, label: string): Promise<void>;
}

export type NamespaceKind = "net" | "ipc" | "uts";

/** Which ids of the host stand for the first `length` ids of a user namespace, from 0 on. */
export interface IdRange {
  readonly hostId: number;
  readonly length: number;
}

/** The users and groups of a user namespace. */
export interface UserRanges {
  readonly uids: IdRange;
  readonly gids: IdRange;
}

/** New namespaces, held by bind mounts at `<directory>/<kind>` instead of by a process. */
export interface NamespaceRequest {
  readonly directory: string;
  readonly kinds: readonly NamespaceKind[];
  /** Set in the new UTS namespace; empty: the host's. */
  readonly hostname: string;
  /** Written in the new namespaces: `net.…` in net, `kernel.shm…`, `kernel.msg…`, `kernel.sem`, `fs.mqueue.…` in ipc. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** A new user namespace that owns the others, held at `<directory>/user`; undefined: the host's owns them. */
  readonly users?: UserRanges | undefined;
}

export interface Namespaces {
  /** Makes and pins them in one worker call, `lo` up. Nothing is left when it throws. @throws {Fault} invalid for a sysctl that was refused */
  pin(request: NamespaceRequest): Promise<void>;
  /** Takes the pins and the directory away. Succeeds when there are none. */
  unpin(directory: string): Promise<void>;
  /** Contents of `files` (absolute paths, as of /proc/net/…) read from within the namespace at `netns`. */
  readWithin(netns: string, files: readonly string[]): Promise<string[]>;
  /**
   * The addresses of an interface in the namespace at `netns`: of IPv4 the first, of IPv6 all, in their shortest form. None when there
   * is no such interface. @throws {Fault} notFound
   */
  addressesWithin(netns: string, interfaceName: string): Promise<readonly string[]>;
  /** A TCP connection to `port` on the loopback of the namespace at `netns`; each direction ends by itself. @throws {Fault} unavailable when nobody listens */
  connectWithin(netns: string, port: number): Promise<Duplex>;
}

/** What a container wants of processors that are its alone. Absent: they stay as they are. */
export interface ProcessorWishes {
  /** As a list. */
  readonly processors: string;
  /** Those of them that no interrupt is handled on, as a list. */
  readonly withoutInterrupts?: string;
  /** The cgroup whose processors are balanced with no others: its directory in the hierarchy that has cpusets. */
  readonly isolatedIn?: string;
  /** How long they may take to wake, in microseconds; "0": as they like, "n/a": they don't sleep deeply. */
  readonly resumeLatency?: string;
  /** Of their frequency. */
  readonly governor?: string;
}

/** What processors of the node are set to for containers. */
export interface Processors {
  /** @throws {Fault} of the kernel's; what was set by then is brought back by `release` */
  hold(id: string, wishes: ProcessorWishes): Promise<void>;
  /** Brings back what there was before, from the id alone. Succeeds if it holds none. */
  release(id: string): Promise<void>;
}

export interface Cgroups {
  readonly version: 1 | 2;
  /** Absolute directories that hold this cgroup's files: one for each v1 controller, one in all for v2. */
  directories(cgroup: string): ReadonlyMap<string, string>;
  /** Makes the group in every hierarchy. `cgroup` is a path from the root of the hierarchies, `/a/b`. */
  create(cgroup: string): Promise<void>;
  exists(cgroup: string): Promise<boolean>;
  /** Processes in the group and below it. */
  processes(cgroup: string): Promise<number[]>;
  /** KILLs every process in the group and below, until none is left. */
  killAll(cgroup: string, signal: AbortSignal): Promise<void>;
  /** Stops every process in the group and below; none runs when it returns. @throws {Fault} unavailable without a freezer, notFound */
  freeze(cgroup: string, signal: AbortSignal): Promise<void>;
  /** Lets them go on. Succeeds when they do, or there is no such group. */
  thaw(cgroup: string): Promise<void>;
  /** Lets the group use all of its processors' time. */
  liftCpuQuota(cgroup: string): Promise<void>;
  /** Removes the group and all below it; they must be empty of processes. Succeeds when it is not there. */
  remove(cgroup: string, wait: Ms): Promise<void>;
  /** Every group at or below, as paths from the root, for `doctor --leaks`. */
  below(cgroup: string): Promise<string[]>;
}

/** What a container that asks for the runtime's default runs under, and whether it can. */
export interface ApparmorReport {
  /** `unconfined`: nothing. */
  readonly profile: string;
  /** That it is loaded in: `enforce`, `complain`, …; absent when it isn't. */
  readonly mode?: string;
  /** Why containers can't run under it; absent: they can. */
  readonly problem?: string;
}

/** AppArmor profiles of this node. */
export interface Apparmor {
  /** Why no container can have a profile here; undefined: they can. */
  readonly obstacle: string | undefined;
  /** The name of the profile that the runtime's default stands for; `unconfined`: none. */
  readonly runtimeDefault: string;
  /**
   * Whether the kernel has the profile. berth's own is loaded where it isn't yet: `noParser` when that can't be done for
   * want of a program.
   * @throws {Fault} wrongState when berth's own profile can't be loaded
   */
  provide(name: string): Promise<"loaded" | "notLoaded" | "noParser">;
  /** The names of all profiles that the kernel has. @throws {Fault} */
  loaded(): Promise<ReadonlySet<string>>;
  report(): Promise<ApparmorReport>;
}

/** A system call that a listener refused to a process, for its seccomp filter. */
export interface RefusedCall {
  /** The `listenerMetadata` of the process's filter. */
  readonly metadata: string;
  readonly name: string;
  /** On this node. */
  readonly pid: number;
}
