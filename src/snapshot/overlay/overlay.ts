import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "../../base/fault.ts";
import { hostMounts } from "../../linux/mounts.ts";
import type { SnapshotMount } from "../contract.ts";
import type { DirectoryKind } from "../directory-snapshotter.ts";
import { emptyDirectory } from "../store.ts";
import { copyAttributes } from "../tree/copy.ts";

/**
 * What berth relies on, whatever the kernel's defaults: a container's changes are whole files in its own directory,
 * which usage, export and a copy of it understand.
 */
const features = ["index=off", "metacopy=off", "redirect_dir=off"];

const upperOf = (directory: string) => join(directory, "u");
const workOf = (directory: string) => join(directory, "w");

/** Layers as directories, merged by overlayfs when mounted (kernel: Documentation/filesystems/overlayfs.rst). */
export const overlayKind: DirectoryKind = {
  name: "overlay",
  probe,
  own: upperOf,

  fill,

  mounts(directory, trees) {
    if (trees.length === 0) return [{ type: "bind", source: upperOf(directory), options: ["rbind", "rw"] }];
    const own = [`upperdir=${upperOf(directory)}`, `workdir=${workOf(directory)}`];
    return [overlay([lowerdir(trees), ...own, ...features])];
  },

  view(trees, root) {
    // An overlay without an upper directory wants two lower ones: an empty one goes below.
    return [overlay(["ro", lowerdir([...trees, join(root, emptyDirectory)]), ...features])];
  },
};

async function fill(directory: string, trees: readonly string[]): Promise<void> {
  await mkdir(workOf(directory), { mode: 0o700 });
  await mkdir(upperOf(directory), { mode: 0o755 });
  // The root of a mounted overlay looks as its uppermost layer says. One directory: no work for a thread.
  const top = trees[0];
  if (top !== undefined) copyAttributes(top, upperOf(directory));
}

function overlay(options: readonly string[]): SnapshotMount {
  return { type: "overlay", source: "overlay", options };
}

function lowerdir(trees: readonly string[]): string {
  return `lowerdir=${trees.join(":")}`;
}

/** Mounts a small overlay, with a whiteout and an opaque directory in it, as images have them. */
async function probe(root: string): Promise<string | undefined> {
  if (/[\\:,"]/.test(root)) return `the directory ${root} can't be written in mount options`;
  const mounts = hostMounts();
  const directory = await mkdtemp(join(root, "t", "probe-"));
  const merged = join(directory, "m");
  try {
    const lower = join(directory, "lower");
    await mkdir(lower);
    await mkdir(merged);
    await fill(directory, [lower]);
    const [mount] = overlayKind.mounts(directory, [lower]);
    if (mount === undefined) throw new Fault("internal", "an overlay without a mount");
    await mounts.mount(mount.source, merged, mount.type, mount.options);
    return undefined;
  } catch (error) {
    const known = (await readFile("/proc/filesystems", "utf8")).includes("\toverlay\n");
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return known ? `overlayfs does not work in ${root}: ${why}` : `this kernel has no overlayfs: ${why}`;
  } finally {
    await mounts.unmount(merged);
    await rm(directory, { recursive: true, force: true });
  }
}
