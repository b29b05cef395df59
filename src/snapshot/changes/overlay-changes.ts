import type { ByteString } from "../../wire/tar/entry.ts";
import { joinPath, type LayerPath } from "../names.ts";
import { directoryAt, lookUp, overlayLayer } from "../settle/stack.ts";
import { namesIn, walkTree } from "../tree/walk.ts";
import type { Change } from "./change.ts";

/** What an overlay's upper directory holds is what was changed; whiteouts and opaque directories say what was deleted. */
export function* overlayChanges(own: string, lowers: readonly string[]): Generator<Change> {
  const upper = overlayLayer(own);
  const layers = lowers.map(overlayLayer);
  for (const { path, stat } of walkTree(own)) {
    if (upper.hides(path, stat)) {
      yield { kind: "deleted", path };
      continue;
    }
    yield { kind: "present", path };
    if (path === "" || !stat.isDirectory() || !upper.isOpaque(path)) continue;
    const kept = new Set(namesIn(own, path));
    const below = directoryAt(layers, path);
    const names = new Set<ByteString>(below?.layers.flatMap(({ tree }) => namesIn(tree, path)) ?? []);
    for (const name of names) {
      const inside: LayerPath = joinPath(path, name);
      if (!kept.has(name) && lookUp(below?.layers ?? [], inside) !== undefined)
        yield { kind: "deleted", path: inside };
    }
  }
}
