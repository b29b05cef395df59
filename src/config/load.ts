import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse, TomlError } from "smol-toml";
import { Fault } from "../base/fault.ts";
import type { Bytes } from "../base/units.ts";
import { checkConfig } from "./check.ts";
import { type Layer, mergeLayers, type Origins } from "./merge.ts";
import type { Config } from "./schema.ts";
import { settings } from "./settings.ts";

/** Read when the operator names no other. */
const defaultConfigFile = "/etc/berth/config.toml";
const maxFileSize: Bytes = 2 ** 20;

/** What the command line and the environment say; an absent field leaves the setting to the files. */
export interface ConfigOptions {
  readonly config?: string | undefined;
  readonly root?: string | undefined;
  readonly state?: string | undefined;
  readonly socket?: string | undefined;
  readonly logLevel?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** For `berth config show`: where each setting's value came from. */
  readonly origins: Origins;
  /** Every file that was read, in order. */
  readonly files: readonly string[];
}

/**
 * The settings, from the weakest to the strongest: defaults, `config.toml`, `config.d/*.toml` beside it in
 * the order of their names, `BERTH_ROOT`, `BERTH_STATE`, `BERTH_SOCKET` and `BERTH_LOG_LEVEL`, the options.
 * `BERTH_CONFIG` or the option names another `config.toml`.
 *
 * @throws {Fault} invalid with a line for each mistake, naming file and key; notFound for a named file that
 * isn't there
 */
export function loadConfig(options: ConfigOptions, env: NodeJS.ProcessEnv = process.env): LoadedConfig {
  const { problems, ...loaded } = inspectConfig(options, env);
  if (problems.length > 0) {
    throw new Fault("invalid", `the configuration has mistakes:\n  ${problems.join("\n  ")}`, {
      hint: "see config.toml's comments",
    });
  }
  return loaded;
}

/**
 * As `loadConfig`, for who must go on: what was refused counts as not set, and `problems` holds a line for each mistake.
 *
 * @throws {Fault} invalid for a file that can't be read; notFound for a named one that isn't there
 */
export function inspectConfig(
  options: ConfigOptions,
  env: NodeJS.ProcessEnv = process.env,
): LoadedConfig & { readonly problems: readonly string[] } {
  const named = options.config ?? nonEmpty(env.BERTH_CONFIG);
  const files = configFiles(named);
  const unread: string[] = [];
  const layers = [
    ...files.flatMap((file) => readLayer(file, unread)),
    ...overrides(
      (name) => nonEmpty(env[`BERTH_${name}`]),
      (name) => `BERTH_${name}`,
    ),
    ...overrides(
      (name) => options[optionNames[name]],
      (name) => optionFlags[name],
    ),
  ];
  const { config, origins, problems: refused } = mergeLayers(settings, layers);
  const problems = [...unread, ...refused];
  if (origins.get("grpc.socket") === "default") config.grpc.socket = join(config.state, "berth.sock");
  if (origins.get("registry.credentialsFile") === "default")
    config.registry.credentialsFile = join(config.root, "credentials.json");
  if (origins.get("cgroup.parent") === "default" && config.cgroup.driver === "systemd") {
    config.cgroup.parent = "berth.slice";
  }
  // What depends on several settings is looked at once each of them is sound.
  if (problems.length === 0) problems.push(...checkConfig(config, origins));
  return { config, origins, files, problems };
}

const overridable = { ROOT: "root", STATE: "state", SOCKET: "grpc.socket", LOG_LEVEL: "log.level" } as const;
type OverrideName = keyof typeof overridable;
const optionNames = { ROOT: "root", STATE: "state", SOCKET: "socket", LOG_LEVEL: "logLevel" } as const;
const optionFlags = {
  ROOT: "--root",
  STATE: "--state",
  SOCKET: "--socket",
  LOG_LEVEL: "--log-level",
} as const;

function overrides(
  given: (name: OverrideName) => string | undefined,
  source: (name: OverrideName) => string,
): Layer[] {
  return (Object.keys(overridable) as OverrideName[]).flatMap((name) => {
    const value = given(name);
    if (value === undefined) return [];
    const keys = overridable[name].split(".");
    const values = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
    return [{ source: source(name), values }];
  });
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function configFiles(named: string | undefined): string[] {
  const main = named ?? defaultConfigFile;
  const dropIns = join(dirname(main), "config.d");
  const names = readIfThere(() => readdirSync(dropIns)) ?? [];
  const isThere = readIfThere(() => statSync(main)) !== undefined;
  if (!isThere && named !== undefined) {
    throw new Fault("notFound", `there is no configuration file ${named}`);
  }
  const toml = names.filter((name) => name.endsWith(".toml") && !name.startsWith(".")).sort();
  return [...(isThere ? [main] : []), ...toml.map((name) => join(dropIns, name))];
}

function readIfThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Fault("invalid", "reading the configuration", { cause: error });
  }
}

/** None for a file that is no TOML: that is noted, with its place. */
function readLayer(file: string, unread: string[]): Layer[] {
  try {
    if (statSync(file).size > maxFileSize) throw new Fault("invalid", `larger than ${maxFileSize} bytes`);
    const text = readFileSync(file, "utf8");
    return [{ source: file, values: parse(text), text }];
  } catch (error) {
    if (!(error instanceof TomlError)) throw new Fault("invalid", `reading ${file}`, { cause: error });
    unread.push(`${file}:${error.line}:${error.column}: ${error.message.split("\n")[0]}`);
    return [];
  }
}
