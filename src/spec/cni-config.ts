import { Fault } from "../base/fault.ts";

/** The versions of the CNI specification that berth speaks, oldest first. */
const cniVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof cniVersions)[number];

/** One plugin's configuration, as the operator wrote it; `type` is the plugin's file name. */
export interface CniPluginConfig {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

/**
 * A network: its plugins in the order in which they attach (CNI spec 1.1, section 1: configuration format).
 */
export interface CniNetworkConfig {
  readonly cniVersion: CniVersion;
  readonly name: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** False: more plugins may lie as files in the directory `<name>` beside the configuration. */
  readonly loadOnlyInlinedPlugins: boolean;
  readonly plugins: readonly CniPluginConfig[];
}

const maxPlugins = 32;

/** True when `version` is `least` or newer. */
export function speaks(version: CniVersion, least: CniVersion): boolean {
  return cniVersions.indexOf(version) >= cniVersions.indexOf(least);
}

/** Reads a `.conflist`. @throws {Fault} invalid, naming the field */
export function parseNetworkConfigList(text: string): CniNetworkConfig {
  const list = asObject(parseJson(text), "the file");
  const { plugins } = list;
  if (!Array.isArray(plugins)) throw invalid('"plugins" must be a list');
  return {
    cniVersion: versionOf(list),
    name: nameOf(list),
    disableCheck: flagOf(list, "disableCheck"),
    disableGC: flagOf(list, "disableGC"),
    loadOnlyInlinedPlugins: flagOf(list, "loadOnlyInlinedPlugins"),
    plugins: plugins.map((plugin, index) =>
      pluginOf(asObject(plugin, `"plugins[${index}]"`), `plugins[${index}].`),
    ),
  };
}

/** Reads a `.conf` or `.json`: a network of a single plugin. @throws {Fault} invalid, naming the field */
export function parseNetworkConfig(text: string): CniNetworkConfig {
  const config = asObject(parseJson(text), "the file");
  if (config.type === undefined && Array.isArray(config.plugins)) {
    throw invalid('it has "plugins", so it is a list: name it .conflist');
  }
  return {
    cniVersion: versionOf(config),
    name: nameOf(config),
    disableCheck: false,
    disableGC: false,
    loadOnlyInlinedPlugins: true,
    plugins: [pluginOf(config, "")],
  };
}

/** Reads one plugin's own file of a network that loads more than its list holds. @throws {Fault} invalid */
export function parsePluginConfig(text: string): CniPluginConfig {
  return pluginOf(asObject(parseJson(text), "the file"), "");
}

/** @throws {Fault} invalid when no plugin is left or they are too many */
export function checkPlugins(config: CniNetworkConfig): CniNetworkConfig {
  const { plugins, cniVersion } = config;
  if (plugins.length === 0) throw invalid("it names no plugin");
  if (plugins.length > maxPlugins) throw invalid(`it names more than ${maxPlugins} plugins`);
  if (plugins.length > 1 && !speaks(cniVersion, "0.3.0"))
    throw invalid(`lists need cniVersion 0.3.0, not ${cniVersion}`);
  return config;
}

/** The programs of a network, each once: its plugins, and those that give addresses. */
export function programsOf({ plugins }: Pick<CniNetworkConfig, "plugins">): string[] {
  const named = plugins.flatMap(({ type, ipam }) => {
    const ipamType = (ipam as { type?: unknown } | undefined)?.type;
    return typeof ipamType === "string" && ipamType !== "" ? [type, ipamType] : [type];
  });
  return [...new Set(named)];
}

/** The newest version that both the configuration and berth know. */
function versionOf(config: Readonly<Record<string, unknown>>): CniVersion {
  const { cniVersion, cniVersions: several } = config;
  const named = [cniVersion, ...(Array.isArray(several) ? several : [])].filter(
    (version) => version !== undefined,
  );
  // The specification of 0.1.0: a configuration without the key is of that version.
  if (named.length === 0) return "0.1.0";
  const known = cniVersions.findLast((version) => named.includes(version));
  if (known !== undefined) return known;
  const shown = named.map((version) => JSON.stringify(version)).join(", ");
  throw invalid(`cniVersion ${shown} is not known; berth speaks ${cniVersions[0]} to ${cniVersions.at(-1)}`);
}

function nameOf(config: Readonly<Record<string, unknown>>): string {
  const { name } = config;
  // CNI spec 1.0, section 1: no other characters, so that it can be a file's name.
  if (typeof name === "string" && /^[A-Za-z0-9][\w.-]{0,251}$/.test(name)) return name;
  throw invalid('"name" must be letters, digits, "_", "." and "-", a letter or digit first');
}

function flagOf(config: Readonly<Record<string, unknown>>, key: string): boolean {
  const value = config[key] ?? false;
  if (typeof value === "boolean") return value;
  // A form that older writers of configurations used.
  if (value === "true" || value === "false") return value === "true";
  throw invalid(`"${key}" must be true or false`);
}

function pluginOf(config: Readonly<Record<string, unknown>>, at: string): CniPluginConfig {
  const { type, capabilities } = config;
  if (typeof type !== "string" || !/^[^/\0]+$/.test(type) || type === "." || type === "..") {
    throw invalid(`"${at}type" must be the file name of a plugin`);
  }
  if (capabilities !== undefined) {
    const flags = Object.values(asObject(capabilities, `"${at}capabilities"`));
    if (flags.some((flag) => typeof flag !== "boolean"))
      throw invalid(`"${at}capabilities" must hold true or false`);
  }
  return config as CniPluginConfig;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new Fault("invalid", "it is no JSON", { cause: error });
  }
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw invalid(`${what} must be a JSON object`);
}

function invalid(why: string): Fault {
  return new Fault("invalid", why);
}
