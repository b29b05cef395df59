/** Something on the host that berth made and that no record accounts for any more. */
export interface Leak {
  readonly what:
    | "mount"
    | "directory"
    | "cgroup"
    | "unit"
    | "process"
    | "snapshot"
    | "network"
    | "record"
    | "file";
  /** Where it is: a path, a pid, an address. With `what`, its identity from one look to the next. */
  readonly where: string;
  /** Whose it was, and why that does not account for it. */
  readonly why: string;
  /** A shell command that takes it away, or who will. */
  readonly remedy: string;
}
