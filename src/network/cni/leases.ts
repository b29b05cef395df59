import { open, readdir, rm } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { PodSandboxId } from "../../base/ids.ts";
import type { CniNetworkConfig } from "../../spec/cni-config.ts";

/**
 * Where host-local keeps its leases unless told otherwise: `<network>/<address>`, holding the container's id.
 */
const defaultLeases = "/var/lib/cni/networks";

/**
 * Removes the leases of host-local that name this pod. For a pod whose cached attachment is lost, so that no
 * DEL can know all about it. Other containers' leases are not touched.
 *
 * @returns the files that were removed
 */
export async function dropLeases(id: PodSandboxId, networks: readonly CniNetworkConfig[]): Promise<string[]> {
  const roots = new Set([defaultLeases, ...networks.flatMap(dataDirectories)]);
  const removed: string[] = [];
  for (const root of roots) {
    for (const network of await list(root)) {
      for (const address of await list(join(root, network))) {
        const file = join(root, network, address);
        if (isIP(address.replaceAll("_", ":")) === 0 || !(await names(file, id))) continue;
        await rm(file, { force: true });
        removed.push(file);
      }
    }
  }
  return removed;
}

function dataDirectories({ plugins }: CniNetworkConfig): string[] {
  return plugins.flatMap(({ ipam }) => {
    const { type, dataDir } = (ipam ?? {}) as { type?: unknown; dataDir?: unknown };
    return type === "host-local" && typeof dataDir === "string" && dataDir.startsWith("/") ? [dataDir] : [];
  });
}

async function list(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}

/** Whether the lease's first line is the id. */
async function names(file: string, id: PodSandboxId): Promise<boolean> {
  try {
    await using handle = await open(file, "r");
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(id.length + 2), 0, id.length + 2, 0);
    return /^([0-9a-f]{64})(\r?\n|\r?$)/.exec(buffer.toString("latin1", 0, bytesRead))?.[1] === id;
  } catch {
    return false;
  }
}
