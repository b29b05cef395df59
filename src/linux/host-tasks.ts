import type { CgroupHierarchies } from "./cgroup-hierarchies.ts";
import type { FileChange, NamespaceRequest } from "./contract.ts";
import type { FaultMessage } from "./fault-message.ts";
import type { LoopbackPort } from "./loopback-connection.ts";

/** A group of a host's hierarchies, as structured cloning takes it to the thread. */
export interface CgroupTask {
  readonly hierarchies: CgroupHierarchies;
  /** A path from the root of the hierarchies. */
  readonly cgroup: string;
}

/** A read within a network namespace. */
export interface ReadTask {
  readonly netns: string;
  /** Absolute paths, as of /proc/net/…. */
  readonly files: readonly string[];
}

/** The files' contents, or what went wrong with this read. */
export type ReadResult = { readonly contents: readonly string[] } | { readonly fault: FaultMessage };

/** What the host thread does on request, in one go: each name with what it takes and what it gives. */
export interface HostTasks {
  pin: { takes: NamespaceRequest; gives: undefined };
  change: { takes: readonly FileChange[]; gives: undefined };
  relabel: { takes: { readonly path: string; readonly label: string }; gives: undefined };
  /** False when some pin is busy. */
  unpin: { takes: string; gives: boolean };
  /** A descriptor of a connection to the port on the namespace's loopback, which may not be made yet. */
  connect: { takes: { readonly netns: string; readonly to: LoopbackPort }; gives: number };
  /** See `Namespaces.addressesWithin`. */
  addresses: { takes: { readonly netns: string; readonly interfaceName: string }; gives: readonly string[] };
  /** The contents of the files, of each read. */
  read: { takes: readonly ReadTask[]; gives: readonly ReadResult[] };
  createCgroup: { takes: CgroupTask; gives: undefined };
  /** False when some group is busy. */
  removeCgroup: { takes: CgroupTask; gives: boolean };
}

export type HostTaskName = keyof HostTasks;

/** A task as it travels to the thread, and what comes back. */
export interface HostTaskMessage {
  readonly name: HostTaskName;
  readonly takes: HostTasks[HostTaskName]["takes"];
}
export type HostTaskAnswer =
  | { readonly gives: HostTasks[HostTaskName]["gives"] }
  | { readonly fault: FaultMessage };
