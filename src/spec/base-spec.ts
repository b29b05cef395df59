import * as v from "valibot";
import { Fault } from "../base/fault.ts";
import { noLimit } from "./oci-json.ts";
import type { OciConfig, OciDevice, OciMount, OciResources, OciRlimit, OciSeccomp } from "./oci-runtime.ts";
import { schemaIssue } from "./schema-issue.ts";

const texts = v.array(v.string());
const number = v.pipe(v.number(), v.safeInteger("is not a whole number"));
const absolute = v.pipe(v.string(), v.startsWith("/", "is not an absolute path"));
const stringMap = v.record(v.string(), v.string());
const limit = v.pipe(number, v.minValue(0, "is below 0"));
// JSON has RLIM_INFINITY, which JavaScript has not as a whole number that is safe.
const rlimit = v.union([limit, v.literal(noLimit)]);

/** A FIFO needs no numbers. */
const device = v.looseObject({
  path: absolute,
  type: v.string(),
  major: v.optional(number, 0),
  minor: v.optional(number, 0),
});

/** What of an OCI configuration is looked into; the rest is passed on as it is. */
const schema = v.looseObject({
  ociVersion: v.optional(v.string()),
  process: v.optional(
    v.looseObject({
      env: v.optional(v.array(v.pipe(v.string(), v.regex(/^[^=]+=/, "is not of the form NAME=value")))),
      user: v.optional(v.looseObject({ umask: v.optional(limit) })),
      capabilities: v.optional(v.looseObject({ bounding: v.optional(texts) })),
      rlimits: v.optional(v.array(v.object({ type: v.string(), soft: rlimit, hard: rlimit }))),
      noNewPrivileges: v.optional(v.boolean()),
    }),
  ),
  mounts: v.optional(
    v.array(
      v.looseObject({
        destination: absolute,
        type: v.optional(v.string()),
        source: v.optional(v.string()),
        options: v.optional(texts),
      }),
    ),
  ),
  hooks: v.optional(v.record(v.string(), v.array(v.looseObject({ path: absolute })))),
  annotations: v.optional(stringMap),
  linux: v.optional(
    v.looseObject({
      sysctl: v.optional(stringMap),
      devices: v.optional(v.array(device)),
      resources: v.optional(
        v.looseObject({ devices: v.optional(v.array(v.looseObject({ allow: v.boolean() }))) }),
      ),
      seccomp: v.optional(v.looseObject({ defaultAction: v.string() })),
    }),
  ),
});

/** An OCI configuration that containers begin with. Field names are the format's own. */
export interface BaseSpec {
  readonly process?: {
    readonly env?: readonly string[];
    readonly user?: { readonly umask?: number };
    readonly capabilities?: { readonly bounding?: readonly string[] };
    readonly rlimits?: readonly OciRlimit[];
    readonly noNewPrivileges?: boolean;
  };
  readonly mounts?: readonly OciMount[];
  readonly hooks?: OciConfig["hooks"];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: {
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly devices?: readonly OciDevice[];
    readonly resources?: OciResources;
    readonly seccomp?: OciSeccomp;
  };
}

/**
 * Reads an OCI configuration, as `runc spec` and `ctr oci spec` write it.
 *
 * @throws {Fault} corrupt naming the first field that is wrong, or a number that would not be kept as it is
 */
export function parseBaseSpec(text: string): BaseSpec {
  const result = v.safeParse(schema, parseExactly(text), { abortEarly: true });
  if (!result.success) throw new Fault("corrupt", schemaIssue(result.issues));
  return result.output as unknown as BaseSpec;
}

function parseExactly(text: string): unknown {
  const inexact: string[] = [];
  const revive = (key: string, value: unknown, { source }: { source?: string }): unknown => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
    if (source === "18446744073709551615" && (key === "soft" || key === "hard")) return noLimit;
    inexact.push(`${key}: ${source} is a number that can't be kept as it is`);
    return value;
  };
  let value: unknown;
  try {
    value = JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]);
  } catch (cause) {
    throw new Fault("corrupt", "it is not JSON", { cause });
  }
  if (inexact[0] !== undefined) throw new Fault("corrupt", inexact[0]);
  return value;
}
