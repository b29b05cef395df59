import { z } from "zod";
import { Fault } from "../../base/fault.ts";

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
const optional = <T extends z.ZodType>(type: T) => z.nullish(type).transform((value) => value ?? undefined);
const texts = z.nullish(z.array(z.string())).transform((value) => value ?? []);
const action = z.enum(actions);
const errno = optional(z.int().min(0).max(4095));
// A 64-bit number that JSON.parse would round is refused rather than changed.
const word = z.int().nonnegative();
const architecture = z.string().regex(/^SCMP_ARCH_[A-Z0-9_]+$/);

const condition = z
  .nullish(
    z.object({
      caps: texts,
      arches: texts,
      minKernel: optional(z.string().regex(/^[0-9]+\.[0-9]+(\.[0-9]+)?$/)),
    }),
  )
  .transform((value) => value ?? { caps: [], arches: [], minKernel: undefined });

const syscallRule = z
  .object({
    name: optional(z.string()),
    names: texts,
    action,
    errnoRet: errno,
    args: z
      .nullish(
        z.array(
          z.object({
            index: z.int().min(0).max(5),
            value: word,
            valueTwo: optional(word),
            op: z.enum(operators),
          }),
        ),
      )
      .transform((value) => value ?? []),
    includes: condition,
    excludes: condition,
  })
  .refine((rule) => rule.name === undefined || rule.names.length === 0, "has both name and names")
  .transform(({ name, ...rule }) => (name === undefined ? rule : { ...rule, names: [name] }));

const profileSchema = z.object({
  defaultAction: action,
  defaultErrnoRet: errno,
  architectures: optional(z.array(architecture)),
  archMap: optional(z.array(z.object({ architecture, subArchitectures: optional(z.array(architecture)) }))),
  flags: optional(z.array(z.string().regex(/^SECCOMP_FILTER_FLAG_[A-Z_]+$/))),
  listenerPath: optional(z.string()),
  listenerMetadata: optional(z.string()),
  syscalls: z.nullish(z.array(syscallRule)).transform((value) => value ?? []),
});

/**
 * A seccomp profile as the field writes it: the OCI's format, and what Docker and Podman add to it (`archMap`, and
 * rules that depend on capabilities, architecture or kernel). Absent lists are empty.
 */
export type SeccompProfile = z.output<typeof profileSchema>;

/** When a rule of a profile is used. */
export type SeccompCondition = z.output<typeof condition>;

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
  const result = profileSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.map(String).join(".")}: `;
  throw new Fault("invalid", `the seccomp profile ${path} is malformed: ${field}${issue?.message ?? ""}`);
}
