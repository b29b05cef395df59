import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, faultKind } from "../base/fault.ts";
import { parseHostsToml } from "./hosts-toml.ts";
import { defaultHost, type RegistryHost, type TlsFiles } from "./registry-host.ts";

const fileMax = 1 << 20;

/** The hosts to ask for the content of a registry, in order: mirrors, then the registry. */
export interface RegistryHosts {
  readonly hosts: readonly RegistryHost[];
  /** What says so: a hosts.toml, or a directory of certificates; undefined: nothing is configured. */
  readonly from: string | undefined;
}

/**
 * Finds the hosts of the registry `name`. They come from `<directory>/<host>_<port>_`, `<directory>/<host>:<port>` or
 * `<directory>/_default`, the first that exists: from its hosts.toml (containerd, docs/hosts.md); without that file it
 * may hold certificates in Docker's way.
 *
 * @throws {Fault} invalid when a file there is malformed, naming it
 */
export async function readRegistryHosts(directory: string, name: string): Promise<RegistryHosts> {
  const withPort = /^(.*):([0-9]+)$/.exec(name);
  const names = [...(withPort === null ? [] : [`${withPort[1]}_${withPort[2]}_`]), name, "_default"];
  for (const candidate of names) {
    const at = join(directory, candidate);
    const file = join(at, "hosts.toml");
    const text = await readIfThere(file);
    if (text !== undefined) {
      const source = { text, file, registry: name, isDefault: candidate === "_default" };
      return { hosts: parseHostsToml(source), from: file };
    }
    const tls = await dockerCertificates(at);
    if (tls !== undefined) return { hosts: [defaultHost(name, tls)], from: at };
  }
  return { hosts: [defaultHost(name, {})], from: undefined };
}

/**
 * `*.crt` are authorities, `*.cert` client certificates: their keys are in `*.key`, or in the same file. Undefined when
 * there is no such directory.
 */
async function dockerCertificates(directory: string): Promise<TlsFiles | undefined> {
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new Fault(
      faultKind(cause) === "exhausted" ? "exhausted" : "invalid",
      `${directory} can't be read`,
      { cause },
    );
  }
  const ending = (end: string) =>
    names.filter((name) => name.endsWith(end)).map((name) => join(directory, name));
  const keys = new Set(ending(".key"));
  const client = ending(".cert").map((cert) => {
    const key = cert.replace(/\.cert$/, ".key");
    return { cert, key: keys.has(key) ? key : cert };
  });
  return { ca: ending(".crt"), client };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    const bytes = await readFile(file);
    if (bytes.length > fileMax) throw new Fault("invalid", `${file} is larger than ${fileMax} bytes`);
    return bytes.toString();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    if (isMissing(cause)) return undefined;
    throw new Fault(faultKind(cause) === "exhausted" ? "exhausted" : "invalid", `${file} can't be read`, {
      cause,
    });
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
