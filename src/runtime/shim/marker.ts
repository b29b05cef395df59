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
  /** Its first process, once it is created. */
  readonly init?: ProcessIdentity;
  /** It was started, not only created: of one in a sandbox. Shims tell no end of what was not. */
  readonly isStarted?: true;
  /**
   * It has ended, and its exit was noted, or its shim told besides to forget it. "untold": noted, without a word from the shim,
   * which can't be told to forget it either.
   */
  readonly over?: "noted" | "forgotten" | "untold";
}

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

/** Undefined: it is under no shim, or its create had only just begun. */
export function readMarker(id: ContainerId, paths: Paths): ShimMarker | undefined {
  try {
    return JSON.parse(readFileSync(paths.container(id).shimFile, "utf8")) as ShimMarker;
  } catch {
    return undefined;
  }
}
