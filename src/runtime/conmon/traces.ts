import { readdir } from "node:fs/promises";
import type { ContainerId } from "../../base/ids.ts";
import { idOfBook } from "./books.ts";
import { allMonitors } from "./monitors.ts";
import type { ConmonParts } from "./parts.ts";

/** Ids of containers: bundles, exit files, what the runtimes have on their books, monitors that run. */
export async function traces({ paths, handlers }: ConmonParts): Promise<ContainerId[]> {
  const roots = [...handlers.all()].map(({ root }) => root);
  const listed = await Promise.all([paths.containers, paths.exits, ...roots].map(namesIn));
  const monitored = (await allMonitors(paths)).map(({ id }) => id);
  const ids = [...listed.flat().map(idOfBook), ...monitored].filter((name) => /^[0-9a-f]{64}$/.test(name));
  return [...new Set(ids)] as ContainerId[];
}

async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}
