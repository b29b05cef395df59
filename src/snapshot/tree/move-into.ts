import { randomBytes } from "node:crypto";
import { lstatSync, renameSync, rmdirSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import { getExtendedAttribute, setExtendedAttribute } from "../../linux/extended-attributes.ts";
import { opaqueAttribute } from "../settle/stack.ts";
import { copyAttributes, copyTree } from "./copy.ts";
import { namesIn, walkTree } from "./walk.ts";

/**
 * Moves what is in the directory `from`, a layer as overlayfs keeps it, into the empty directory `to`, which then looks like
 * it. On another file system it is copied first: `from` keeps what it has.
 */
export function moveInto(from: string, to: string): void {
  const looks = lstatSync(from, { bigint: true });
  if (looks.dev === lstatSync(to, { bigint: true }).dev) moveAll(from, to);
  else {
    // Whatever the layer calls its files, none of them is called so.
    const copied = `${to}/.${randomBytes(16).toString("hex")}`;
    copyTree(from, copied);
    markOpaque(from, copied);
    moveAll(copied, to);
    rmdirSync(copied);
  }
  copyAttributes(from, to, looks);
}

function moveAll(from: string, to: string): void {
  for (const name of namesIn(from, "")) renameSync(within(from, name), within(to, name));
}

/** A copy leaves out what overlayfs keeps for itself. */
function markOpaque(from: string, to: string): void {
  for (const { path, stat } of walkTree(from)) {
    const mark = stat.isDirectory() ? getExtendedAttribute(within(from, path), opaqueAttribute) : undefined;
    if (mark !== undefined) setExtendedAttribute(within(to, path), opaqueAttribute, mark);
  }
}
