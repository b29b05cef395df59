import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { MappedSnapshots, SnapshotMount } from "../contract.ts";
import type { DirectoryKind } from "../directory-snapshotter.ts";

const treeOfContainer = (directory: string) => join(directory, "d");

/**
 * Whole trees: a layer's shares the files that it does not change with its parent (hard links), a container's is a copy
 * (sharing data where the disk can). Slow and large, but it works on every file system.
 */
export const nativeKind: DirectoryKind = {
  name: "native",
  ownFilesOnly: false,
  mapsOwn: true,
  probe: async (root, mapped) => (mapped === undefined ? undefined : await probeMapped(root, mapped)),
  own: treeOfContainer,

  async fill(directory, trees, workers) {
    const [from] = trees;
    const to = treeOfContainer(directory);
    if (from === undefined) await mkdir(to, { mode: 0o755 });
    else await workers.run("copy", { from, to });
  },

  // A copy, as a layer's files are its parent's, too.
  adopt: (directory, tree, workers) => nativeKind.fill(directory, [tree], workers, undefined),

  mounts: (directory) => [bind(treeOfContainer(directory), "rw")],
  view: (trees) => trees.slice(0, 1).map((tree) => bind(tree, "ro")),
};

/** Whether files are shown with other ids at all. */
async function probeMapped(root: string, { at, users }: MappedSnapshots): Promise<string | undefined> {
  const directory = await mkdtemp(join(root, "t", "probe-"));
  try {
    const { uid } = await stat(join(at, "t", basename(directory)));
    return uid === users.uids.hostId
      ? undefined
      : `files in ${root} keep their ids when they are bound with others`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function bind(source: string, mode: "ro" | "rw"): SnapshotMount {
  return { type: "bind", source, options: ["rbind", mode] };
}
