import { isDeepStrictEqual } from "node:util";
import type { Config } from "./schema.ts";
import { settingsOf } from "./settings-of.ts";

/** The settings, and tables of them, that a running daemon takes over when it reads them again. */
const reloadable: readonly string[] = [
  "log.level",
  "apparmor",
  "apparmor",
  "image.pinned",
  "registry.configPath",
  "registry.credentialsFile",
  "registry.authFiles",
  "registry.searchRegistries",
  "registry.shortNameMode",
  "registry.aliases",
  "registry.blocked",
];

/** The settings of `read` that a daemon which was started with `running` takes over at its next start only, by name. */
export function waitForRestart(running: Config, read: Config): string[] {
  const [before, now] = [byName(running), byName(read)];
  const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
    (name) => !isDeepStrictEqual(before.get(name), now.get(name)),
  );
  return changed.filter((name) => !reloadable.some((one) => name === one || name.startsWith(`${one}.`)));
}

function byName(config: Config): ReadonlyMap<string, unknown> {
  return new Map(settingsOf(config).map(({ path, value }) => [path.join("."), value]));
}
