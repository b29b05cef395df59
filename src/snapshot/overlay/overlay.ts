import { existsSync, rmSync } from "node:fs";
import { chown, mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { Fault } from "../../base/fault.ts";
import type { IdRange, UserRanges } from "../../linux/contract.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { MappedSnapshots, SnapshotMount } from "../contract.ts";
import type { DirectoryKind } from "../directory-snapshotter.ts";
import { emptyDirectory } from "../store.ts";
import { copyAttributes } from "../tree/copy.ts";

/**
 * What berth relies on, whatever the kernel's defaults: a container's changes are whole files in its own directory,
 * which usage, export and a copy of it understand.
 */
export const overlayFeatures = ["index=off", "metacopy=off", "redirect_dir=off"];

/** Named as containers/storage has it: cAdvisor, which takes berth for CRI-O, looks for what a container wrote there. */
const upperOf = (directory: string) => join(directory, "diff");
const workOf = (directory: string) => join(directory, "w");

/** Layers as directories, merged by overlayfs when mounted (kernel: Documentation/filesystems/overlayfs.rst). */
export const overlayKind: DirectoryKind = {
  name: "overlay",
  probe,
  own: upperOf,
  ownFilesOnly: true,
  mapsOwn: false,

  fill: (directory, trees, _workers, users) => fill(directory, trees, users),

  async adopt(directory, tree) {
    await mkdir(workOf(directory), { mode: 0o700 });
    await rename(tree, upperOf(directory));
  },

  mounts(directory, trees) {
    if (trees.length === 0) return [{ type: "bind", source: upperOf(directory), options: ["rbind", "rw"] }];
    forgetVolatile(directory);
    const own = [`upperdir=${upperOf(directory)}`, `workdir=${workOf(directory)}`];
    return [overlay([lowerdir(trees), ...own, ...overlayFeatures, "volatile"])];
  },

  view(trees, root) {
    // An overlay without an upper directory wants two lower ones: an empty one goes below.
    return [overlay(["ro", lowerdir([...trees, join(root, emptyDirectory)]), ...overlayFeatures])];
  },
};

async function fill(
  directory: string,
  trees: readonly string[],
  users: UserRanges | undefined,
): Promise<void> {
  const upper = upperOf(directory);
  await mkdir(workOf(directory), { mode: 0o700 });
  await mkdir(upper, { mode: 0o755 });
  // The root of a mounted overlay looks as its uppermost layer says. One directory: no work for a thread.
  const top = trees[0];
  if (top !== undefined) copyAttributes(top, upper);
  if (users === undefined) return;
  const { uid, gid } = await stat(upper);
  await chown(upper, hostIdOf(uid, users.uids), hostIdOf(gid, users.gids));
}

/** What stands for an image's id; for one that the namespace hasn't, what stands for root. */
function hostIdOf(id: number, { hostId, length }: IdRange): number {
  return id < length ? hostId + id : hostId;
}

/**
 * Has the kernel mount it once more (`berth cp` out of a container of an earlier boot): it marks the work directory of a
 * volatile overlay, and refuses it from then on, as after a power cut there may be less in the upper one than was written.
 */
function forgetVolatile(directory: string): void {
  const mark = join(workOf(directory), "work", "incompat", "volatile");
  if (existsSync(mark)) rmSync(mark, { recursive: true });
}

function overlay(options: readonly string[]): SnapshotMount {
  return { type: "overlay", source: "overlay", options };
}

function lowerdir(trees: readonly string[]): string {
  return `lowerdir=${trees.join(":")}`;
}

/** Mounts a small overlay; with `mapped`, of a layer that is shown with other ids (Linux 5.19). */
async function probe(root: string, mapped?: MappedSnapshots): Promise<string | undefined> {
  if (/[\\:,"]/.test(root)) return `the directory ${root} can't be written in mount options`;
  const mounts = hostMounts();
  const directory = await mkdtemp(join(root, "t", "probe-"));
  const merged = join(directory, "m");
  try {
    const lower = join(directory, "lower");
    await mkdir(lower);
    await mkdir(join(lower, "inner"));
    await mkdir(merged);
    await fill(directory, [lower], mapped?.users);
    const shown = mapped === undefined ? lower : join(mapped.at, relative(root, lower));
    const [mount] = overlayKind.mounts(directory, [shown]);
    if (mount === undefined) throw new Fault("internal", "an overlay without a mount");
    await mounts.mount(mount.source, merged, mount.type, mount.options);
    const { uid } = await stat(join(merged, "inner"));
    if (mapped === undefined || uid === mapped.users.uids.hostId) return undefined;
    return `an overlay in ${root} shows files with the ids that they have on disk`;
  } catch (error) {
    const known = (await readFile("/proc/filesystems", "utf8")).includes("\toverlay\n");
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return known ? `overlayfs does not work in ${root}: ${why}` : `this kernel has no overlayfs: ${why}`;
  } finally {
    await mounts.unmount(merged);
    await rm(directory, { recursive: true, force: true });
  }
}
