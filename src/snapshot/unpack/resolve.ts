import { lstatSync, readlinkSync } from "node:fs";
import { Fault } from "../../base/fault.ts";
import { shownName, within } from "../../linux/byte-path.ts";
import { pathAt } from "../../linux/open-beneath.ts";
import type { ByteString } from "../../wire/tar/entry.ts";
import type { LayerDirectory, LayerTree } from "./layer-tree.ts";

const maxLinks = 40;

/**
 * The parts of a name as archives have them: `./a`, `/a` and `a/` are all `a`. None for the root.
 *
 * @throws {Fault} invalid for a name with `..`
 */
export function partsOf(name: ByteString, entry: ByteString): ByteString[] {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw leadsOut(entry, `it holds ".."`);
  return parts;
}

export function leadsOut(entry: ByteString, why: string): Fault {
  return new Fault("invalid", `the layer's entry ${shownName(entry)} leads out of the layer: ${why}`);
}

/**
 * Walks from the root along `parts`, through directories of this layer, and through its symbolic links as long as they
 * stay within it.
 *
 * @param make makes directories that are missing; else the walk ends with undefined
 * @param entry the entry in question, for messages
 * @throws {Fault} invalid when a link on the way is absolute or climbs out, or a file stands in the way
 */
export function walkTo(
  tree: LayerTree,
  parts: readonly ByteString[],
  make: boolean,
  entry: ByteString,
): LayerDirectory | undefined {
  let at = tree.root;
  let links = 0;
  const ahead = parts.toReversed();
  for (let part = ahead.pop(); part !== undefined; part = ahead.pop()) {
    if (part === "..") {
      if (at.parent === undefined) throw leadsOut(entry, "a link on its way climbs above the root");
      at = at.parent;
      continue;
    }
    const known = at.children.get(part);
    if (known !== undefined) {
      at = known;
      continue;
    }
    const link = linkAt(tree, at, part, entry);
    if (link === undefined) {
      if (!make) return undefined;
      at = tree.make(at, part);
      continue;
    }
    if (link.startsWith("/")) throw leadsOut(entry, `${shownName(part)} on its way is an absolute link`);
    if (++links > maxLinks) throw leadsOut(entry, "there are too many links on its way");
    ahead.push(
      ...link
        .split("/")
        .filter((piece) => piece !== "" && piece !== ".")
        .toReversed(),
    );
  }
  return at;
}

/** What the link at `name` says, or undefined when nothing is there. @throws {Fault} invalid when a file is */
function linkAt(
  tree: LayerTree,
  directory: LayerDirectory,
  name: ByteString,
  entry: ByteString,
): ByteString | undefined {
  const path = within(pathAt(tree.fd(directory)), name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() === true) return readlinkSync(path, "latin1");
  if (found === undefined && !directory.links.has(name)) return undefined;
  const what = `the layer's entry ${shownName(entry)} needs a directory where the layer has a file`;
  throw new Fault("invalid", `${what}: ${shownName(name)}`);
}
