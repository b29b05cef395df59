import { probeIdmap } from "../../linux/bind-mount.ts";
import type { MappedSnapshots } from "../contract.ts";
import type { Volumes } from "./contract.ts";

const trial = "trial";

/**
 * Makes a volume, opens it, and removes it again, and one that an earlier trial left. With `mapped`: shows its files with
 * other ids meanwhile.
 *
 * @throws {Fault} why that can't be
 */
export async function tryOne(volumes: Volumes, mapped: MappedSnapshots | undefined): Promise<void> {
  await volumes.remove(trial);
  await volumes.make(trial, undefined);
  try {
    await using tree = await volumes.open(trial);
    if (mapped !== undefined) await probeIdmap(tree.directory, mapped.namespace);
  } finally {
    await volumes.remove(trial);
  }
}
