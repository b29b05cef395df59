import { readdir } from "node:fs/promises";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";

/** The containers, and pods' own, that have a bundle. */
export async function containersOnDisk({ containers }: Paths): Promise<ContainerId[]> {
  return (await readdir(containers).catch(() => [])) as ContainerId[];
}
