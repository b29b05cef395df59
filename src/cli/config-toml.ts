import type { LoadedConfig } from "../config/load.ts";
import { settingsOf } from "../config/settings-of.ts";

/** A configuration file that sets all that is set now, with where each value came from. */
export function configToml({ config, origins, files }: LoadedConfig): string {
  const read = files.length === 0 ? "the defaults; no file was read" : `the defaults and ${files.join(", ")}`;
  // A table is opened once, so that what belongs to it comes before and after its inner tables alike.
  const sections = Map.groupBy(settingsOf(config), ({ path }) => path.slice(0, -1).map(key).join("."));
  const parts = [...sections].map(([section, settings]) => {
    const lines = settings.map(({ path, value }) => {
      const origin = origins.get(path.join(".")) ?? "default";
      return `${key(path.at(-1) ?? "")} = ${toml(value)} # ${origin}\n`;
    });
    return `${section === "" ? "" : `[${section}]\n`}${lines.join("")}`;
  });
  return [`# Merged from ${read}.\n`, ...parts].join("\n");
}

function key(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

/** A value on one line. JSON's texts, numbers and lists are TOML's, too. */
function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([name, field]) => `${key(name)} = ${toml(field)}`);
  return `{ ${fields.join(", ")} }`;
}
