import { libc, systemFault } from "./libc.ts";
import { openDirectory } from "./open-beneath.ts";
import { callOnPool } from "./pool-calls.ts";

const syncfs = libc.func("int syncfs(int fd)");

/**
 * Writes out everything that is pending on the file system of `directory` (syncfs(2)). Runs on a thread of
 * the pool. Since Linux 5.8 a write that failed since the last call makes this one fail.
 *
 * @throws {Fault} internal or exhausted, with what the kernel said
 */
export async function syncFileSystem(directory: string): Promise<void> {
  try {
    using root = openDirectory(directory);
    await callOnPool(syncfs, "syncfs", directory, root.fd);
  } catch (error) {
    throw systemFault(`syncing the file system of ${directory}`, error, { path: directory });
  }
}
