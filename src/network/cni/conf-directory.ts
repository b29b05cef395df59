import { type BigIntStats, existsSync, readdirSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { describeFault, Fault } from "../../base/fault.ts";
import type { Bytes } from "../../base/units.ts";
import { errnoOf } from "../../linux/libc.ts";
import {
  type CniNetworkConfig,
  checkPlugins,
  parseNetworkConfig,
  parseNetworkConfigList,
  parsePluginConfig,
} from "../../spec/cni-config.ts";

/** A network that the operator configured. */
interface LoadedNetwork {
  readonly file: string;
  readonly config: CniNetworkConfig;
}

/** A configuration that can't be used. */
interface RefusedNetwork {
  readonly file: string;
  readonly reason: string;
}

export interface ConfiguredNetworks {
  /** Those in use: the first valid ones by name. */
  readonly networks: readonly LoadedNetwork[];
  readonly refused: readonly RefusedNetwork[];
}

const maxFileSize: Bytes = 2 ** 20;
const maxFiles = 256;

/**
 * The configurations of a directory, by the kubelet's convention: `.conf`, `.conflist` and `.json`, in the
 * order of their names. Each read looks at the directory and reads again what has changed: no change is
 * missed, and a directory may come and go.
 */
export class ConfDirectory {
  readonly #directory: string;
  readonly #maxConfs: number;
  readonly #changed: (now: ConfiguredNetworks) => void;
  #fingerprint = "";
  #loaded: ConfiguredNetworks = { networks: [], refused: [] };

  /** `changed` is told of each new state, for the log. */
  constructor(directory: string, maxConfs: number, changed: (now: ConfiguredNetworks) => void) {
    this.#directory = directory;
    this.#maxConfs = maxConfs;
    this.#changed = changed;
  }

  get directory(): string {
    return this.#directory;
  }

  /** The state of the directory now. @throws {Fault} unavailable when it can't be read though it is there */
  async read(): Promise<ConfiguredNetworks> {
    const files = this.#files(this.#directory, [".conf", ".conflist", ".json"]);
    const folders = this.#folders();
    const fingerprint = fingerprintOf([...files, ...folders]);
    if (fingerprint === this.#fingerprint) return this.#loaded;
    const loaded = await this.#load(files);
    this.#fingerprint = fingerprint;
    const isNews = JSON.stringify(loaded) !== JSON.stringify(this.#loaded);
    this.#loaded = loaded;
    if (isNews) this.#changed(loaded);
    return loaded;
  }

  async #load(files: readonly string[]): Promise<ConfiguredNetworks> {
    const networks: LoadedNetwork[] = [];
    const refused: RefusedNetwork[] = [];
    for (const file of files) {
      if (networks.length === this.#maxConfs) break;
      try {
        const config = await this.#loadFile(file);
        if (networks.some((network) => network.config.name === config.name)) {
          throw new Fault("invalid", `another file configures the network "${config.name}" already`);
        }
        networks.push({ file, config });
      } catch (error) {
        refused.push({ file, reason: describeFault(error) });
      }
    }
    return { networks, refused };
  }

  async #loadFile(file: string): Promise<CniNetworkConfig> {
    const text = await readBounded(file);
    const config = extname(file) === ".conflist" ? parseNetworkConfigList(text) : parseNetworkConfig(text);
    if (config.loadOnlyInlinedPlugins) return checkPlugins(config);
    const more = this.#files(join(this.#directory, config.name), [".conf"]);
    const plugins = await Promise.all(more.map(async (each) => parsePluginConfig(await readBounded(each))));
    return checkPlugins({ ...config, plugins: [...config.plugins, ...plugins] });
  }

  /** Of networks whose further plugins lie in a folder of their own. */
  #folders(): string[] {
    const folders = this.#loaded.networks
      .filter(({ config }) => !config.loadOnlyInlinedPlugins)
      .map(({ config }) => join(this.#directory, config.name));
    return folders.flatMap((folder) => this.#files(folder, [".conf"]));
  }

  #files(directory: string, endings: readonly string[]): string[] {
    return namesIn(directory)
      .filter((name) => endings.includes(extname(name)) && !name.startsWith("."))
      .sort()
      .slice(0, maxFiles)
      .map((name) => join(directory, name));
  }
}

async function readBounded(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size > maxFileSize) throw new Fault("invalid", `it is larger than ${maxFileSize} bytes`);
  return await readFile(file, "utf8");
}

/** At once, as the fingerprint: it is looked at before each pod, and a trip to the thread pool takes longer. */
function namesIn(directory: string): string[] {
  try {
    return existsSync(directory) ? readdirSync(directory) : [];
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return [];
    throw new Fault("unavailable", `reading the CNI configurations in ${directory}`, { cause: error });
  }
}

function statOf(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // a loop of links: its reading will tell
  }
}

function fingerprintOf(files: readonly string[]): string {
  const parts = files.map((file) => {
    const found = statOf(file);
    return `${file} ${found?.ino} ${found?.size} ${found?.mtimeNs} ${found?.ctimeNs}`;
  });
  return parts.join("\n");
}
