import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ContainerId } from "../../base/ids.ts";
import type { Paths } from "../../config/paths.ts";
import { sandboxIdAnnotation } from "../../spec/cri/annotations.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ProcessIdentity } from "../contract.ts";

/** Which shim a container is under. Written into its bundle before the shim hears of it. */
export interface ShimMarker {
  /** The pod, or the container itself where it is in none. */
  readonly group: string;
  readonly handler: string;
  /** Its input ends with the first who is attached to it. */
  readonly stdinOnce: boolean;
  /** No container, but the pod's sandbox, which the shim makes by itself. */
  readonly isSandbox?: true;
  /** Its first process, once it is created. */
  readonly init?: ProcessIdentity;
  /** It was started, not only created: of one in a sandbox. Shims tell no end of what was not. */
  readonly isStarted?: true;
  /** Absent: it lives. */
  readonly over?: Exclude<Ending, "lives">;
}

/**
 * How far the end of a container has come. On disk, as a daemon may be killed between any two. From "noted" on its exit is told.
 *
 * - lives: it runs, or waits to be started; its end, if it has come to that, is not noted
 * - noted: its exit is noted; the shim has it on its books
 * - forgotten: the shim has deleted it
 * - untold: its exit is noted without a word from the shim, which can't delete it either: that is for the shim's program
 */
export type Ending = "lives" | "noted" | "forgotten" | "untold";

/** The containers of a pod share a shim. */
export function groupOf(id: ContainerId, config: OciConfig): string {
  const pod = config.annotations?.[sandboxIdAnnotation] ?? "";
  return /^[0-9A-Za-z_.-]+$/.test(pod) ? pod : id;
}

/** Whole or not at all: without it nobody would know the container's shim. */
export function writeMarker(id: ContainerId, marker: ShimMarker, paths: Paths): void {
  const { shimFile } = paths.container(id);
  writeFileSync(`${shimFile}.new`, JSON.stringify(marker), { mode: 0o600 });
  renameSync(`${shimFile}.new`, shimFile);
}

export function endingOf(id: ContainerId, paths: Paths): Ending {
  return readMarker(id, paths)?.over ?? "lives";
}

/** Undefined: it is under no shim, or its create had only just begun. */
export function readMarker(id: ContainerId, paths: Paths): ShimMarker | undefined {
  try {
    return JSON.parse(readFileSync(paths.container(id).shimFile, "utf8")) as ShimMarker;
  } catch {
    return undefined;
  }
}
