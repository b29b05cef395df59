import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotMount } from "../contract.ts";
import type { DirectoryKind } from "../directory-snapshotter.ts";

const treeOfContainer = (directory: string) => join(directory, "d");

/**
 * Whole trees: a layer's shares the files that it does not change with its parent (hard links), a container's is a copy
 * (sharing data where the disk can). Slow and large, but it works on every file system.
 */
export const nativeKind: DirectoryKind = {
  name: "native",
  probe: async () => undefined,
  own: treeOfContainer,

  async fill(directory, trees, workers) {
    const [from] = trees;
    const to = treeOfContainer(directory);
    if (from === undefined) await mkdir(to, { mode: 0o755 });
    else await workers.run("copy", { from, to });
  },

  mounts: (directory) => [bind(treeOfContainer(directory), "rw")],
  view: (trees) => trees.slice(0, 1).map((tree) => bind(tree, "ro")),
};

function bind(source: string, mode: "ro" | "rw"): SnapshotMount {
  return { type: "bind", source, options: ["rbind", mode] };
}
