import { join } from "node:path";
import type { RuntimeHandlerConfig } from "../../config/schema.ts";

/** Where a handler's shim has its configuration from. */
interface KataConfiguration {
  /** Where shims look that are not told of one, in order. */
  readonly directories: readonly string[];
  /** Undefined: none is named, and none is there. */
  readonly file: string | undefined;
  /** How to have another. */
  readonly remedy: string;
}

/** Where Kata's shims look, in Go and in Rust. */
const [inGo = [], inRust = []] = ["", "/runtime-rs"].map((of) =>
  ["/etc", "/usr/share/defaults", "/opt/kata/share/defaults"].map((at) => `${at}/kata-containers${of}`),
);

/**
 * The configuration that a handler's pods run by. One whose shim makes the sandbox by itself, as Kata's in Rust can, is made before the shim
 * is told of any file, with the containers.
 */
export function kataConfiguration(
  name: string,
  handler: Pick<RuntimeHandlerConfig, "sandboxer" | "options"> | undefined,
  exists: (path: string) => boolean,
): KataConfiguration {
  const usual = (directories: readonly string[]) =>
    directories.map((directory) => join(directory, "configuration.toml")).find((path) => exists(path));
  if (handler?.sandboxer === "shim") {
    const remedy = `put the configuration.toml of Kata's shim in Rust into ${inRust[0]}, as sandboxer = "shim" passes ConfigPath by`;
    return { directories: inRust, file: usual(inRust), remedy };
  }
  const directories = [...inGo, ...inRust];
  return {
    directories,
    file: String(handler?.options.ConfigPath ?? "") || usual(directories),
    remedy: `set runtime.handlers.${name}.options.ConfigPath to the configuration.toml that Kata's release brings`,
  };
}
