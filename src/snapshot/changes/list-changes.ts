import { closeSync, openSync, writeSync } from "node:fs";
import type { LayerPath } from "../names.ts";
import { overlayChanges } from "./overlay-changes.ts";
import { treeChanges } from "./tree-changes.ts";

export interface ListChangesRequest {
  readonly kind: "overlay" | "native";
  /** The container's own files. */
  readonly own: string;
  /** The trees of the layers below, the uppermost first. */
  readonly lowers: readonly string[];
  /** A new file for the paths that stand. */
  readonly list: string;
  /** Paths that are not looked at: what is mounted there is not the container's. */
  readonly except: readonly LayerPath[];
}

const writeAtOnce = 65_536;

/**
 * Writes the paths that a container has of its own to `list`, as `./path`, each with a NUL behind it, a directory before
 * what it holds.
 *
 * @returns the paths that it has deleted, without those below another of them
 */
export function listChanges({ kind, own, lowers, list, except }: ListChangesRequest): LayerPath[] {
  const without = new Set(except);
  const deleted: LayerPath[] = [];
  const file = openSync(list, "wx", 0o600);
  try {
    let text = "";
    for (const change of kind === "overlay" ? overlayChanges(own, lowers) : treeChanges(own, lowers[0])) {
      if (without.has(change.path)) continue;
      if (change.kind === "deleted") {
        deleted.push(change.path);
        continue;
      }
      text += `./${change.path}\0`;
      if (text.length < writeAtOnce) continue;
      writeSync(file, text, null, "latin1");
      text = "";
    }
    writeSync(file, text, null, "latin1");
    return deleted;
  } finally {
    closeSync(file);
  }
}
