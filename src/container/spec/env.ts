import { Fault } from "../../base/fault.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The environment, as `KEY=value`: PATH, TERM (with a terminal) and HOSTNAME by default, then the settings' (`weakest`), the
 * image's, the config's, and what berth says of processors (`strongest`); a later value replaces an earlier one in its place. An entry of the image without `=` takes a key away.
 *
 * @throws {Fault} invalid naming the entry of the config that can't be in an environment
 */
export function processEnv(
  config: Pick<ContainerConfig, "envs" | "tty">,
  imageEnv: readonly string[],
  {
    hostname,
    weakest,
    strongest,
  }: {
    readonly hostname: string;
    readonly weakest: readonly string[];
    readonly strongest: readonly (readonly [string, string])[];
  },
): string[] {
  const env = new Map<string, string>([["PATH", defaultPath]]);
  if (config.tty) env.set("TERM", "xterm");
  env.set("HOSTNAME", hostname);
  for (const entry of weakest)
    env.set(entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1));
  for (const entry of imageEnv) {
    const equals = entry.indexOf("=");
    if (equals > 0) env.set(entry.slice(0, equals), entry.slice(equals + 1));
    else if (equals < 0) env.delete(entry);
  }
  for (const [index, { key, value }] of config.envs.entries()) {
    const field = `config.envs[${index}]`;
    if (key === "" || key.includes("="))
      throw new Fault("invalid", `${field}.key "${key}" is not a variable's name`);
    if (key.includes("\0") || value.includes("\0")) throw new Fault("invalid", `${field} holds a NUL byte`);
    env.set(key, value);
  }
  for (const [key, value] of strongest) env.set(key, value);
  return Array.from(env, ([key, value]) => `${key}=${value}`);
}
