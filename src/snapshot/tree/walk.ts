import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { within } from "../../linux/byte-path.ts";
import type { ByteString } from "../../wire/tar/entry.ts";
import { joinPath, type LayerPath } from "../names.ts";

/**
 * Everything in a tree that only berth writes, its root first, each directory before what it holds. Links are not
 * followed. Who gets them may move directories away meanwhile.
 */
export function* walkTree(root: string): Generator<{ path: LayerPath; stat: BigIntStats }> {
  const waiting: LayerPath[] = [""];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const stat = lstatSync(within(root, path), { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    yield { path, stat };
    if (stat.isDirectory()) for (const name of namesIn(root, path)) waiting.push(joinPath(path, name));
  }
}

/** The names in a directory, as bytes; none when it is gone. */
export function namesIn(root: string, path: LayerPath): ByteString[] {
  try {
    return readdirSync(within(root, path), "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
