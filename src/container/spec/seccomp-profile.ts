import * as v from "valibot";
import { Fault } from "../../base/fault.ts";
import { schemaIssue } from "../../spec/schema-issue.ts";

const actions = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;
const operators = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;

// Go writes an empty slice, map or pointer as null.
const optional = <Output>(type: v.GenericSchema<unknown, Output>) =>
  v.pipe(
    v.nullish(type),
    v.transform((value) => value ?? undefined),
  );
const wholeNumber = (atMost: number) =>
  v.pipe(
    v.number(),
    v.safeInteger("is not a whole number that is kept as it is"),
    v.minValue(0, "is below 0"),
    v.maxValue(atMost, `is above ${atMost}`),
  );
const texts = v.nullish(v.array(v.string()), []);
const action = v.picklist(actions);
const errno = optional(wholeNumber(4095));
// A 64-bit number that JSON.parse would round is refused rather than changed.
const word = wholeNumber(Number.MAX_SAFE_INTEGER);
const architecture = v.pipe(v.string(), v.regex(/^SCMP_ARCH_[A-Z0-9_]+$/, "is not SCMP_ARCH_…"));

const condition = v.nullish(
  v.object({
    caps: texts,
    arches: texts,
    minKernel: optional(
      v.pipe(v.string(), v.regex(/^[0-9]+\.[0-9]+(\.[0-9]+)?$/, "is not the version of a kernel")),
    ),
  }),
  {},
);

const syscallRule = v.pipe(
  v.object({
    name: optional(v.string()),
    names: texts,
    action,
    errnoRet: errno,
    args: v.nullish(
      v.array(
        v.object({
          index: wholeNumber(5),
          value: word,
          valueTwo: optional(word),
          op: v.picklist(operators),
        }),
      ),
      [],
    ),
    includes: condition,
    excludes: condition,
  }),
  v.check((rule) => rule.name === undefined || rule.names.length === 0, "has both name and names"),
  v.transform(({ name, ...rule }) => (name === undefined ? rule : { ...rule, names: [name] })),
);

const profileSchema = v.object({
  defaultAction: action,
  defaultErrnoRet: errno,
  architectures: optional(v.array(architecture)),
  archMap: optional(v.array(v.object({ architecture, subArchitectures: optional(v.array(architecture)) }))),
  flags: optional(
    v.array(v.pipe(v.string(), v.regex(/^SECCOMP_FILTER_FLAG_[A-Z_]+$/, "is not SECCOMP_FILTER_FLAG_…"))),
  ),
  listenerPath: optional(v.string()),
  listenerMetadata: optional(v.string()),
  syscalls: v.nullish(v.array(syscallRule), []),
});

/**
 * A seccomp profile as the field writes it: the OCI's format, and what Docker and Podman add to it (`archMap`, and
 * rules that depend on capabilities, architecture or kernel). Absent lists are empty.
 */
export type SeccompProfile = v.InferOutput<typeof profileSchema>;

/** When a rule of a profile is used. */
export type SeccompCondition = v.InferOutput<typeof condition>;

/**
 * Reads a seccomp profile. Keys that are not known are passed over, as the runtimes do: profiles carry comments.
 *
 * @throws {Fault} invalid naming the profile and the first field that is wrong
 */
export function parseSeccompProfile(text: string, path: string): SeccompProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault("invalid", `the seccomp profile ${path} is not JSON`, { cause });
  }
  const result = v.safeParse(profileSchema, json, { abortEarly: true });
  if (result.success) return result.output;
  throw new Fault("invalid", `the seccomp profile ${path} is malformed: ${schemaIssue(result.issues)}`);
}
