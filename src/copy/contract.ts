import type { IdMaps } from "./ids.ts";

/** What is asked of a container's files: a tar of some, or to take some from a tar. */
export type CopyCall =
  | { readonly way: "from"; readonly path: string; readonly followLink: boolean }
  | { readonly way: "to"; readonly path: string; readonly archive: boolean; readonly extract: boolean };

/** Where a container's files are. */
export interface CopyRoot {
  /** A directory of the node that the container's paths are taken from. */
  readonly directory: string;
  /** Whose root that is, where it is a process's: it must still be that one when the directory is open. */
  readonly process?: { readonly pid: number; readonly startTicks: number };
  /** Of a container with a user namespace, in which its files are shown; of a process they are read. */
  readonly ids?: IdMaps;
}

/** What a copying thread is given. `fd`: its end of the pipe that the tar goes through, closed when the thread has ended. */
export interface CopyTask {
  readonly root: CopyRoot;
  readonly call: CopyCall;
  readonly fd: number;
}
