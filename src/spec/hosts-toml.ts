import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { lineOfKey } from "../base/key-line.ts";
import { nearest } from "../base/nearest.ts";
import type { Ms } from "../base/units.ts";
import { defaultHost, type HostCapability, hostCapabilities, type RegistryHost } from "./registry-host.ts";

const mistakesMax = 5;
const capability = v.pipe(v.string(), v.toLowerCase(), v.picklist(hostCapabilities));
const one = v.pipe(
  v.string(),
  v.transform((value) => [value]),
);
const oneOrMore = v.union([one, v.array(v.string())], "must be a text or a list of texts");
const clientForm = "must be a path, a list of paths, or a list of pairs [certificate, key]";
const pair = v.pipe(v.array(v.string()), v.minLength(1, clientForm), v.maxLength(2, clientForm));
const oneClient = v.pipe(
  v.string(),
  v.transform((value) => [[value]]),
);
const clients = v.union([oneClient, v.array(v.union([one, pair]))], clientForm);
const headerName = v.pipe(
  v.string(),
  v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is not the name of a header"),
);
const goDuration = v.pipe(
  v.string(),
  v.regex(/^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$/, 'must be a duration, as in "5s" or "1m30s"'),
);
const host = {
  capabilities: v.optional(v.array(capability)),
  ca: v.optional(oneOrMore),
  client: v.optional(clients),
  skip_verify: v.optional(v.boolean()),
  header: v.optional(v.record(headerName, oneOrMore)),
  override_path: v.optional(v.boolean()),
  dial_timeout: v.optional(goDuration),
};
const hostTable = v.strictObject(host);
const topLevel = {
  ...host,
  server: v.optional(v.string()),
  host: v.optional(v.record(v.string(), hostTable)),
};
const hostsFile = v.strictObject(topLevel);
type HostTable = v.InferOutput<typeof hostTable>;

/** A hosts.toml as it was read, and which registry it is for. */
export interface HostsToml {
  readonly text: string;
  readonly file: string;
  /** The registry's name in references. */
  readonly registry: string;
  /** It is that of `_default`, for registries that have none of their own. */
  readonly isDefault: boolean;
}

/**
 * The hosts that a hosts.toml names, in its order, and the server at the end (containerd, docs/hosts.md).
 *
 * @throws {Fault} invalid with the line and key of what is wrong. Never what stands there: that may be a secret
 */
export function parseHostsToml(source: HostsToml): RegistryHost[] {
  const read = v.safeParse(hostsFile, decode(source));
  if (!read.success) {
    const mistakes = read.issues.slice(0, mistakesMax).map((issue) => mistakeOf(issue, source));
    throw new Fault("invalid", mistakes.join("; "));
  }
  const { server, host: mirrors = {}, ...ofServer } = read.output;
  const hosts = Object.entries(mirrors).map(([url, settings]) =>
    hostOf(url, settings, source, `host."${url}"`),
  );
  const upstream = defaultHost(source.registry, {});
  if (server === undefined) {
    const { plainBase, isRegistry, namespace } = upstream;
    return [
      ...hosts,
      { ...hostOf(upstream.base, ofServer, source, "server"), plainBase, isRegistry, namespace },
    ];
  }
  const last = hostOf(server, ofServer, source, "server");
  // Whoever names a server for one registry says where that is; for all registries, it is a mirror of them.
  return [...hosts, { ...last, isRegistry: last.isRegistry || !source.isDefault }];
}

function decode({ text, file }: HostsToml): unknown {
  try {
    return parse(text);
  } catch (error) {
    // The parser quotes the lines around, and those may hold a header's secret.
    const at = error instanceof TomlError ? `, line ${error.line}, column ${error.column}` : "";
    throw new Fault("invalid", `${file} is not TOML${at}`);
  }
}

function hostOf(address: string, settings: HostTable, source: HostsToml, key: string): RegistryHost {
  const url = addressOf(address, source, key);
  const path = url.pathname.replace(/\/+$/, "");
  const within = (file: string) => resolve(dirname(source.file), file);
  const upstream = new URL(defaultHost(source.registry, {}).base);
  const isUpstream = url.host === upstream.host || url.host === source.registry;
  return {
    base: `${url.origin}${settings.override_path || path.endsWith("/v2") ? path : `${path}/v2`}`,
    capabilities: new Set<HostCapability>(
      settings.capabilities?.length ? settings.capabilities : hostCapabilities,
    ),
    tls: {
      ca: settings.ca?.map(within),
      // An empty key: it is in the certificate's file.
      client: settings.client?.map(([cert = "", key]) => ({ cert: within(cert), key: within(key || cert) })),
      skipVerify: settings.skip_verify,
    },
    headers: settings.header ?? {},
    isRegistry: isUpstream,
    namespace: isUpstream ? undefined : source.registry,
    plainBase: undefined,
    dialTimeout: settings.dial_timeout === undefined ? undefined : milliseconds(settings.dial_timeout),
  };
}

function addressOf(address: string, { file, text }: HostsToml, key: string): URL {
  const given = /^[a-z]+:\/\//i.test(address) ? address : `https://${address}`;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const isFit =
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    `${url.username}${url.password}${url.search}${url.hash}` === "";
  if (isFit) return url;
  // No text of it: a URL can hold a password.
  const at = lineOfKey(text, key.replaceAll('"', ""));
  const shown = url === undefined || url.password !== "" ? key.replace(/".*"/, '"…"') : key;
  throw new Fault(
    "invalid",
    `${placed(file, at)}: ${shown}: an address is http:// or https://, a name, perhaps a port and a path, and no more`,
  );
}

/** One mistake: where it stands, its key, and what belongs there. */
function mistakeOf(issue: v.BaseIssue<unknown>, { text, file }: HostsToml): string {
  const keys = (issue.path ?? []).filter(({ type }) => type !== "array").map(({ key }) => String(key));
  const line = lineOfKey(text, keys.join("."));
  const shown = keys.map((key) => (/^[\w-]+$/.test(key) ? key : `"${key}"`)).join(".");
  return `${placed(file, line)}: ${shown} ${problemOf(issue, keys)}`;
}

function placed(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}, line ${line}`;
}

const wanted: Readonly<Record<string, string>> = {
  string: "must be a text",
  boolean: "must be true or false",
  array: "must be a list",
  strict_object: "must be a table",
  record: "must be a table",
};

function problemOf(issue: v.BaseIssue<unknown>, keys: readonly string[]): string {
  if (issue.expected === "never") {
    const known = Object.keys(keys[0] === "host" && keys.length === 3 ? host : topLevel);
    return `is not known${meant(keys.at(-1) ?? "", known)}`;
  }
  if (issue.type === "picklist") {
    const names = hostCapabilities.map((name) => `"${name}"`).join(", ");
    return `must be one of ${names}${meant(String(issue.input), hostCapabilities)}`;
  }
  return wanted[issue.type] ?? issue.message;
}

function meant(name: string, known: readonly string[]): string {
  const guess = nearest(name, known);
  return guess === undefined ? "" : `; did you mean ${guess}?`;
}

const units: Readonly<Record<string, Ms>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it. At least one millisecond: none at all would be a host that can't be reached. */
function milliseconds(text: string): Ms {
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/([0-9.]+)([a-zµ]+)/g))
    sum += Number(count) * (units[unit ?? ""] ?? 0);
  return Math.min(2 ** 31 - 1, Math.max(1, Math.round(sum)));
}
