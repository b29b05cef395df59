import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Mounts } from "../../linux/contract.ts";

/** Makes the directory for what runtimes need for a moment, without what those left that were killed in it. */
export async function emptyScratch(directory: string, mounts: Mounts): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) {
    const left = join(directory, name);
    await mounts.unmount(left); // crun mounts its own program there, read-only
    await rm(left, { recursive: true, force: true });
  }
}
