import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Mounts } from "../../linux/contract.ts";

/** Makes the directory for what runtimes need for a moment, without what those left that were killed in it. */
export async function emptyScratch(directory: string, mounts: Mounts): Promise<void> {
  // passed through by what a runtime does in a user namespace
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await chmod(directory, 0o711);
  // crun mounts its own program there, read-only; trials bind snapshots and a namespace
  for (const { target } of await mounts.below(directory)) await mounts.unmount(target);
  for (const name of await readdir(directory))
    await rm(join(directory, name), { recursive: true, force: true });
}
