import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { describeFault, Fault } from "../../../base/fault.ts";
import type { Config } from "../../../config/schema.ts";
import {
  type CniNetworkConfig,
  checkPlugins,
  parseNetworkConfig,
  parseNetworkConfigList,
} from "../../../spec/cni-config.ts";

/** What the directory of CNI configurations holds, as the daemon reads it: the first valid ones by name count. */
export interface CniFiles {
  readonly networks: readonly { readonly file: string; readonly config: CniNetworkConfig }[];
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
  /** Sound or not, they come after those that count. */
  readonly passedOver: readonly string[];
}

/** @throws {Fault} unavailable when the directory is there but can't be read */
export async function readCniFiles({ confDir, maxConfs }: Config["network"]): Promise<CniFiles> {
  const names = await readdir(confDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw new Fault("unavailable", `reading ${confDir}`, { cause: error });
  });
  const files = names
    .filter((name) => [".conf", ".conflist", ".json"].includes(extname(name)) && !name.startsWith("."))
    .sort()
    .map((name) => join(confDir, name));
  const found = {
    networks: [] as CniFiles["networks"][number][],
    refused: [] as CniFiles["refused"][number][],
  };
  for (const [index, file] of files.entries()) {
    if (found.networks.length === maxConfs) return { ...found, passedOver: files.slice(index) };
    try {
      found.networks.push({ file, config: await readNetwork(file) });
    } catch (error) {
      found.refused.push({ file, reason: describeFault(error) });
    }
  }
  return { ...found, passedOver: [] };
}

async function readNetwork(file: string): Promise<CniNetworkConfig> {
  const text = await readFile(file, "utf8");
  const config = extname(file) === ".conflist" ? parseNetworkConfigList(text) : parseNetworkConfig(text);
  // Its other plugins lie in a directory of their own, and count when a pod is attached.
  return config.loadOnlyInlinedPlugins || config.plugins.length > 0 ? checkPlugins(config) : config;
}
