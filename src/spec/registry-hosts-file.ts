import { readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { defaultHost, type RegistryHost, type TlsFiles } from "./registry-host.ts";
import { schemaIssue } from "./schema-issue.ts";

const fileMax = 1 << 20;
const capability = v.picklist(["pull", "resolve", "push"]);
const one = v.pipe(
  v.string(),
  v.transform((value) => [value]),
);
const oneOrMore = v.union([one, v.array(v.string())]);
const pair = v.pipe(
  v.array(v.string()),
  v.minLength(1, "is empty"),
  v.maxLength(2, "has more than two parts"),
);
const clientPair = v.union([one, pair]);
const oneClient = v.pipe(
  v.string(),
  v.transform((value) => [[value]]),
);
const headerName = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is not the name of a header"),
);
const host = {
  capabilities: v.optional(v.array(capability)),
  ca: v.optional(oneOrMore),
  client: v.optional(v.union([oneClient, v.array(clientPair)])),
  skip_verify: v.optional(v.boolean()),
  header: v.optional(v.record(headerName, oneOrMore)),
  override_path: v.optional(v.boolean()),
  // Known to containerd; berth's own limits hold.
  dial_timeout: v.optional(v.string()),
};
const hostTable = v.strictObject(host);
const hostsFile = v.strictObject({
  ...host,
  server: v.optional(v.string()),
  host: v.optional(v.record(v.string(), hostTable)),
});
type HostTable = v.InferOutput<typeof hostTable>;

/**
 * The hosts to ask for the content of the registry `name`, in order: mirrors, then the registry. They come
 * from `<directory>/<host>_<port>_/hosts.toml`, `<directory>/<host>:<port>/hosts.toml` or
 * `<directory>/_default/hosts.toml`, the first that exists, in containerd's format; a directory without that
 * file may hold certificates in Docker's way.
 *
 * @throws {Fault} invalid when a file there is malformed, naming it
 */
export async function readRegistryHosts(directory: string, name: string): Promise<RegistryHost[]> {
  const withPort = /^(.*):([0-9]+)$/.exec(name);
  const names = [...(withPort === null ? [] : [`${withPort[1]}_${withPort[2]}_`]), name, "_default"];
  for (const candidate of names) {
    const at = join(directory, candidate);
    const text = await readIfThere(join(at, "hosts.toml"));
    if (text !== undefined) return parseHosts(text, join(at, "hosts.toml"), name);
    const tls = await dockerCertificates(at);
    if (tls !== undefined) return [defaultHost(name, tls)];
  }
  return [defaultHost(name, {})];
}

function parseHosts(text: string, file: string, name: string): RegistryHost[] {
  let table: unknown;
  try {
    table = parse(text);
  } catch (error) {
    // The parser quotes the lines around, and those may hold a header's secret.
    const at = error instanceof TomlError ? `, line ${error.line}, column ${error.column}` : "";
    throw new Fault("invalid", `${file} is not TOML${at}`);
  }
  const read = v.safeParse(hostsFile, table);
  if (!read.success) {
    throw new Fault("invalid", `${file}: ${schemaIssue(read.issues)}`);
  }
  const { server, host: mirrors = {}, ...ofServer } = read.output;
  const hosts = Object.entries(mirrors).map(([url, settings]) => fromTable(url, settings, file, name));
  const upstream = defaultHost(name, {});
  if (server !== undefined)
    return [...hosts, { ...fromTable(server, ofServer, file, name), mirrorOf: undefined }];
  const settings = fromTable(upstream.base, ofServer, file, name);
  return [...hosts, { ...settings, mirrorOf: undefined, plainBase: upstream.plainBase }];
}

function fromTable(address: string, settings: HostTable, file: string, name: string): RegistryHost {
  let url: URL;
  try {
    url = new URL(/^[a-z]+:\/\//.test(address) ? address : `https://${address}`);
  } catch (cause) {
    throw new Fault("invalid", `${file}: a host is not a URL`, { cause });
  }
  const plain = url.protocol === "http:";
  if (
    (url.protocol !== "https:" && !plain) ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== ""
  ) {
    throw new Fault(
      "invalid",
      `${file}: ${url.host}: a host is http:// or https://, a name, perhaps a path, and no more`,
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  const base = `${url.origin}${settings.override_path || path.endsWith("/v2") ? path : `${path}/v2`}`;
  const within = (path: string) => resolve(dirname(file), path);
  return {
    base,
    capabilities: new Set(
      settings.capabilities?.length ? settings.capabilities : ["pull", "resolve", "push"],
    ),
    tls: {
      ca: settings.ca?.map(within),
      client: settings.client?.map(([cert = "", key]) => ({ cert: within(cert), key: within(key ?? cert) })),
      skipVerify: settings.skip_verify,
    },
    headers: settings.header ?? {},
    mirrorOf: name,
    plainBase: undefined,
  };
}

/**
 * `*.crt` are authorities, `*.cert` with `*.key` client certificates. Undefined when there is no such
 * directory.
 */
async function dockerCertificates(directory: string): Promise<TlsFiles | undefined> {
  let names: string[];
  try {
    names = (await readdir(directory)).sort();
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new Fault("invalid", `${directory} can't be read`, { cause });
  }
  const ending = (end: string) =>
    names.filter((name) => name.endsWith(end)).map((name) => join(directory, name));
  const keys = new Set(ending(".key"));
  const client = ending(".cert")
    .map((cert) => ({ cert, key: cert.replace(/\.cert$/, ".key") }))
    .filter(({ key }) => keys.has(key));
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
    throw new Fault("invalid", `${file} can't be read`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
