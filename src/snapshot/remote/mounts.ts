import { Fault } from "../../base/fault.ts";
import { lowerDirectories } from "../../linux/mount-options.ts";
import type { Mount } from "../../wire/gen/snapshots.v1.ts";
import type { SnapshotMount } from "../contract.ts";
import { overlayFeatures } from "../overlay/overlay.ts";

/** A snapshot whose files lie in directories of this host. */
export interface Directories {
  /** Where its own files lie; of one that is only read: its uppermost. */
  readonly own: string;
  /** Of the layers below, the uppermost first, as overlayfs keeps them. */
  readonly lowers: readonly string[];
}

/**
 * What a snapshotter says of how to mount, in berth's terms.
 *
 * @throws {Fault} unimplemented for what only containerd's own mounting understands
 */
export function readMounts(mounts: readonly Mount[]): SnapshotMount[] {
  return mounts.map(({ type, source, target, options }) => {
    if (target !== "" || type.includes("/"))
      throw new Fault(
        "unimplemented",
        `the snapshotter gives a mount that only containerd understands: ${type} of ${source} at "${target}"`,
      );
    return { type, source, options: isWritableOverlay(type, options) ? withFeatures(options) : options };
  });
}

function isWritableOverlay(type: string, options: readonly string[]): boolean {
  return type === "overlay" && optionOf("upperdir", options) !== undefined;
}

/** What the snapshotter says itself stays. */
function withFeatures(options: readonly string[]): readonly string[] {
  const missing = overlayFeatures.filter((each) => optionOf(each.replace(/=.*/, ""), options) === undefined);
  return [...options, ...missing];
}

/** Where the files lie, when they are mounted as a bind mount or as an overlay; undefined for all else. */
export function directoriesOf(mounts: readonly SnapshotMount[]): Directories | undefined {
  const [mount] = mounts;
  if (mount === undefined || mounts.length > 1) return undefined;
  const { type, source, options } = mount;
  if (type === "bind") return { own: source, lowers: [] };
  if (type !== "overlay") return undefined;
  const lowers = lowerDirectories(optionOf("lowerdir", options) ?? "");
  const own = optionOf("upperdir", options) ?? lowers.shift();
  return own === undefined ? undefined : { own, lowers };
}

function optionOf(name: string, options: readonly string[]): string | undefined {
  return options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}
