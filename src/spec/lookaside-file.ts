import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { schemaIssue } from "./schema-issue.ts";
import { keyPath } from "./strict-json.ts";

/** Where simple signatures lie by scope (containers-registries.d(5)), and from which file that is. */
export interface LookasideSettings {
  readonly byScope: ReadonlyMap<string, Lookaside>;
  readonly byDefault: Lookaside | undefined;
}

interface Lookaside {
  readonly url: string;
  readonly file: string;
}

/** Where they lie that no file says anything of. */
export const usualLookaside = "file:///var/lib/containers/sigstore";

const fileMax = 1 << 20;
const text = v.optional(v.string());
const namespace = v.looseObject({ lookaside: text, sigstore: text });
const settingsFile = v.nullish(
  v.looseObject({
    "default-docker": v.nullish(namespace),
    docker: v.nullish(v.record(v.string(), v.nullable(namespace))),
  }),
);

/**
 * Reads every `*.yaml` of a directory; without it, there are no settings. What concerns writing is passed over.
 *
 * @throws {Fault} invalid, naming the file, for what is malformed, and for a scope that two files have
 */
export async function readLookasideSettings(directory: string): Promise<LookasideSettings> {
  const names = await readdir(directory).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new Fault("invalid", `${directory} can't be read`, { cause });
  });
  const byScope = new Map<string, Lookaside>();
  const seen = new Map<string, string>();
  let byDefault: Lookaside | undefined;
  for (const name of names.filter((one) => one.endsWith(".yaml")).sort()) {
    const file = join(directory, name);
    const { "default-docker": own, docker } = (await readSettings(file)) ?? {};
    const scopes = [
      ...(own == null ? [] : ([["default-docker", own]] as const)),
      ...Object.entries(docker ?? {}),
    ];
    for (const [scope, settings] of scopes) {
      const other = seen.get(scope);
      if (other !== undefined)
        throw new Fault("invalid", `${JSON.stringify(scope)} is both in ${other} and ${file}`);
      seen.set(scope, file);
      const url = settings?.lookaside || settings?.sigstore;
      if (!url) continue;
      if (scope === "default-docker") byDefault = { url, file };
      else byScope.set(scope, { url, file });
    }
  }
  return { byScope, byDefault };
}

async function readSettings(file: string): Promise<v.InferOutput<typeof settingsFile>> {
  const { parse, YAMLParseError } = await import("./yaml.ts");
  let value: unknown;
  try {
    const bytes = await readFile(file);
    if (bytes.length > fileMax) throw new Fault("invalid", `${file} is larger than ${fileMax} bytes`);
    value = parse(bytes.toString(), { maxAliasCount: 0 });
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const at = cause instanceof YAMLParseError ? cause.linePos?.[0] : undefined;
    const place = at === undefined ? "" : `:${at.line}:${at.col}`;
    throw new Fault("invalid", `${file}${place} can't be read as YAML`, { cause });
  }
  const read = v.safeParse(settingsFile, value, { abortEarly: true });
  if (!read.success) throw new Fault("invalid", `${file}: ${schemaIssue(read.issues, keyPath)}`);
  return read.output;
}
