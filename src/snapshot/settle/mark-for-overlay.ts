import { constants } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { setExtendedAttribute } from "../../linux/extended-attributes.ts";
import { AT_FDCWD, mknodAt } from "../../linux/files-at.ts";
import { parentOf } from "../names.ts";
import type { OwnLayer } from "./own-layer.ts";
import { opaqueAttribute } from "./stack.ts";

const yes = Buffer.from("y");

/**
 * Writes whiteouts and opaque directories as overlayfs reads them. Those that hide nothing are left out: where nothing
 * lies below, the kernel shows whiteouts in directory listings.
 */
export function markForOverlay(own: OwnLayer): void {
  for (const path of own.whiteouts) {
    if (own.below(path) === undefined || own.lstat(path) !== undefined) continue;
    own.touch(parentOf(path));
    mknodAt(AT_FDCWD, within(own.tree, path), constants.S_IFCHR, 0n);
  }
  for (const path of own.opaque)
    if (own.below(path)?.stat.isDirectory() === true)
      setExtendedAttribute(within(own.tree, path), opaqueAttribute, yes);
  own.restoreTimes();
}
