import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../base/fault.ts";
import type { LayerPath } from "./names.ts";

/**
 * What an unpacked layer says of the layers below it, or takes for granted from them. The unpacker writes it beside
 * the files; the commit puts it into effect.
 */
export interface LayerNotes {
  /** Directories without an entry of their own, parents first: they are to look as in the layers below. */
  readonly implicit: readonly LayerPath[];
  /** Names that are hidden: nothing of this layer stands there. */
  readonly whiteouts: readonly LayerPath[];
  /** Directories of this layer of which the layers below show nothing. */
  readonly opaque: readonly LayerPath[];
  /** Hard links to files that this layer does not have, in their order. Nothing stands at `path` yet. */
  readonly links: readonly { readonly path: LayerPath; readonly target: LayerPath }[];
}

const notesFile = "notes.json";

/** Where the files of an ingest or a committed layer lie. A short name, as it is repeated in mount options. */
export function treeOf(directory: string): string {
  return join(directory, "d");
}

export function notesPath(directory: string): string {
  return join(directory, notesFile);
}

export function writeNotes(directory: string, notes: LayerNotes): void {
  writeFileSync(notesPath(directory), JSON.stringify(notes), { mode: 0o600, flag: "wx" });
}

/** @throws {Fault} wrongState when the layer was not unpacked to its end */
export function readNotes(directory: string): LayerNotes {
  try {
    return JSON.parse(readFileSync(notesPath(directory), "utf8")) as LayerNotes;
  } catch (cause) {
    throw new Fault("wrongState", `the layer in ${directory} was not unpacked to its end`, { cause });
  }
}
