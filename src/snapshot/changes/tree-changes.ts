import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { type LayerPath, parentOf } from "../names.ts";
import { walkTree } from "../tree/walk.ts";
import type { Change } from "./change.ts";

/**
 * What differs between a container's whole tree and the one that it was copied from. A file that was written to has
 * another time of change or another size: contents are not compared.
 */
export function* treeChanges(own: string, from: string | undefined): Generator<Change> {
  for (const { path, stat } of walkTree(own)) {
    const before = from === undefined ? undefined : lstatIn(from, path);
    if (before === undefined || differs(path, { own, stat }, { from: from ?? "", before }))
      yield { kind: "present", path };
  }
  if (from === undefined) return;
  const gone = new Set<LayerPath>();
  for (const { path } of walkTree(from)) {
    const parent = parentOf(path);
    // what lies below something that is gone, or is no directory any more, went with that
    if (gone.has(parent)) gone.add(path);
    else if (path !== "" && lstatIn(own, parent)?.isDirectory() !== true) gone.add(path);
    else if (lstatIn(own, path) === undefined) {
      gone.add(path);
      yield { kind: "deleted", path };
    }
  }
}

/** Undefined when there is nothing, or a file on the way. */
function lstatIn(root: string, path: LayerPath): BigIntStats | undefined {
  try {
    return lstatSync(within(root, path), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

function differs(
  path: LayerPath,
  { own, stat }: { own: string; stat: BigIntStats },
  { from, before }: { from: string; before: BigIntStats },
): boolean {
  const same =
    stat.mode === before.mode &&
    stat.uid === before.uid &&
    stat.gid === before.gid &&
    stat.rdev === before.rdev &&
    stat.mtimeNs === before.mtimeNs &&
    (stat.isDirectory() || stat.size === before.size);
  if (!same) return true;
  return stat.isSymbolicLink() && readlinkSync(within(own, path)) !== readlinkSync(within(from, path));
}
