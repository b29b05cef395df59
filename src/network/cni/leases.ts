import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { PodSandboxId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
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
      for (const file of await leasesIn(join(root, network))) {
        if (!(await names(file, id))) continue;
        await rm(file, { force: true });
        removed.push(file);
      }
    }
  }
  return removed;
}

/**
 * Removes the leases of these networks that an earlier boot left and that no DEL will give back: a power cut took the cached
 * attachment, or what stood in the lease, which host-local doesn't sync. Namespaces don't outlive a boot, so nobody has
 * such an address, whoever's it was.
 *
 * @param boot when this one began
 * @param attached the pods that have a cached attachment: their DEL comes yet, or they are of this boot
 * @returns the files that were removed
 */
export async function dropLeasesBefore(
  boot: Ms,
  networks: readonly CniNetworkConfig[],
  attached: ReadonlySet<string>,
): Promise<string[]> {
  const removed: string[] = [];
  for (const network of networks) {
    const directories = hostLocal(network).map((root) => join(root ?? defaultLeases, network.name));
    for (const file of (await Promise.all(directories.map(leasesIn))).flat()) {
      const lease = await stat(file).catch(() => undefined); // given back meanwhile
      if (lease === undefined || lease.mtimeMs >= boot || attached.has(await holderOf(file))) continue;
      await rm(file, { force: true });
      removed.push(file);
    }
  }
  return removed;
}

async function leasesIn(directory: string): Promise<string[]> {
  const found = await list(directory);
  return found
    .filter((address) => isIP(address.replaceAll("_", ":")) !== 0)
    .map((address) => join(directory, address));
}

async function holderOf(file: string): Promise<string> {
  return (await readFile(file, "latin1")).split(/\r?\n/, 1)[0] ?? "";
}

function dataDirectories(network: CniNetworkConfig): string[] {
  return hostLocal(network).filter((dataDir) => dataDir !== undefined);
}

/** The directory that each use of host-local names, if it does. */
function hostLocal({ plugins }: CniNetworkConfig): (string | undefined)[] {
  return plugins.flatMap(({ ipam }) => {
    const { type, dataDir } = (ipam ?? {}) as { type?: unknown; dataDir?: unknown };
    if (type !== "host-local") return [];
    return [typeof dataDir === "string" && dataDir.startsWith("/") ? dataDir : undefined];
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
