import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { schemaIssue } from "./schema-issue.ts";

/** One credential as a file has it. */
export interface AuthFileEntry {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** base64 of `username:password`. */
  readonly auth?: string | undefined;
  readonly identityToken?: string | undefined;
  readonly registryToken?: string | undefined;
}

/** What Docker's config.json and containers' auth.json have in common: who is who where, or which program knows. */
export interface AuthFile {
  /** By `registry.example` or `registry.example/some/path`. */
  readonly auths: ReadonlyMap<string, AuthFileEntry>;
  /** Names of helpers (`docker-credential-NAME`) by registry. */
  readonly helpers: ReadonlyMap<string, string>;
  /** The helper that has what is not in `auths`. */
  readonly store: string | undefined;
}

const helperName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][\w.-]*$/, "is not the name of a helper"));
const entry = v.object({
  username: v.nullish(v.string()),
  password: v.nullish(v.string()),
  auth: v.nullish(v.string()),
  identitytoken: v.nullish(v.string()),
  registrytoken: v.nullish(v.string()),
});
const form = v.object({
  auths: v.nullish(v.record(v.string(), entry)),
  credHelpers: v.nullish(v.record(v.string(), helperName)),
  credsStore: v.nullish(v.union([v.literal(""), helperName])),
});

/**
 * Reads Docker's config.json or containers' auth.json (containers-auth.json(5)); what else is in it is left alone.
 *
 * @throws {Fault} invalid, saying where; never what is there
 */
export function parseAuthFile(text: string): AuthFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser quotes what it read.
    throw new Fault("invalid", "it is not JSON");
  }
  if (Array.isArray(json)) throw new Fault("invalid", "it is not an object");
  const read = v.safeParse(form, json);
  if (!read.success) throw new Fault("invalid", schemaIssue(read.issues));
  const { auths, credHelpers, credsStore } = read.output;
  const entries = Object.entries(auths ?? {}).map(([key, each]): [string, AuthFileEntry] => [
    authKey(key),
    {
      username: each.username ?? undefined,
      password: each.password ?? undefined,
      auth: each.auth ?? undefined,
      identityToken: each.identitytoken ?? undefined,
      registryToken: each.registrytoken ?? undefined,
    },
  ]);
  const helpers = Object.entries(credHelpers ?? {}).map(([key, name]): [string, string] => [
    authKey(key),
    name,
  ]);
  return { auths: new Map(entries), helpers: new Map(helpers), store: credsStore || undefined };
}

/**
 * What a key of such a file stands for: `https://index.docker.io/v1/` is `docker.io`, `https://r.example/v2/` is
 * `r.example`, `r.example/team` stays.
 */
export function authKey(key: string): string {
  const bare = key.replace(/^https?:\/\//i, "").replace(/\/+$/, "");
  const [host = "", ...path] = bare.split("/");
  const name = host.toLowerCase();
  const registry = ["index.docker.io", "registry-1.docker.io"].includes(name) ? "docker.io" : name;
  const isApi = path.length === 1 && /^v[12]$/.test(path[0] ?? "");
  return isApi ? registry : [registry, ...path].join("/");
}

/** The keys under which a credential for a repository may stand, the closest first: `r/a/b`, `r/a`, `r`. */
export function authKeysOf(registry: string, repository: string): string[] {
  const parts = repository.split("/");
  const paths = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  const host = authKey(registry);
  return [...paths.map((path) => `${host}/${path}`), host];
}
