import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ContainerId } from "../../base/ids.ts";
import { shimNamespace } from "./handler.ts";
import type { ShimParts } from "./parts.ts";

/** Ids of containers that shims have, or the runtimes below them. */
export async function shimTraces({ shims, handlers }: ShimParts): Promise<ContainerId[]> {
  const members = (await shims.groups()).flatMap((group) => shims.containersOf(group));
  const roots = [...handlers.values()].flatMap(({ runtime }) =>
    runtime === undefined ? [] : [runtime.root],
  );
  const books = await Promise.all(roots.map((root) => readdir(join(root, shimNamespace)).catch(() => [])));
  return [...members, ...books.flat()].filter((name) => /^[0-9a-f]{64}$/.test(name)) as ContainerId[];
}

/** True for a container that is, or was to be, under a shim, or that a runtime below one still has on its books. */
export function isUnderShim(id: ContainerId, { paths, handlers }: ShimParts): boolean {
  if (existsSync(paths.container(id).shimFile)) return true;
  for (const { runtime } of handlers.values())
    if (runtime !== undefined && existsSync(join(runtime.root, shimNamespace, id))) return true;
  return false;
}
