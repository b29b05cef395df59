import type { Logger } from "pino";
import type { Cgroups, Files, Mounts, Namespaces, Processes } from "../linux/contract.ts";
import type { Launcher } from "../linux/launcher.ts";
import type { Snapshotter } from "../snapshot/contract.ts";

/** What the host gives. */
export interface RuntimeHost {
  readonly processes: Processes;
  readonly launcher: Launcher;
  readonly files: Files;
  readonly cgroups: Cgroups;
  readonly mounts: Mounts;
  readonly namespaces: Namespaces;
  readonly log: Logger;
}

/** The snapshots, as far as it matters whether containers in user namespaces can have them. */
export type SnapshotProbe = Pick<Snapshotter, "directory" | "probe">;

/** The snapshots of a handler's pods. @throws {Fault} unavailable when they can have none */
export type SnapshotsOf = (handler: string) => SnapshotProbe;
