import * as v from "valibot";
import { type HookProgram, type HookStage, hookStages } from "../../base/hook.ts";
import { parseGoRegExp, type TextPattern } from "../../base/linear-regexp.ts";

/** A program that the OCI runtime runs at some moments of containers' lives, and for which containers. */
export interface HookDefinition {
  readonly hook: HookProgram;
  readonly when: HookCondition;
  readonly stages: readonly HookStage[];
}

/** Of what is asked, `all` or `any` must hold. */
export interface HookCondition {
  readonly needs: "all" | "any";
  readonly always?: boolean | undefined;
  /** A container has an annotation whose key and value fit. */
  readonly annotations: readonly { readonly key: TextPattern; readonly value: TextPattern }[];
  /** One of them is found in the container's program. */
  readonly commands: readonly TextPattern[];
  readonly hasBindMounts?: boolean | undefined;
}

const path = v.pipe(v.string(), v.startsWith("/", "is not an absolute path"));
const texts = v.array(v.string());
const stages = v.pipe(v.array(v.picklist(hookStages)), v.nonEmpty("names no stage"));
const expression = v.pipe(
  v.string(),
  v.check((text) => parsed(text) !== undefined, "is no regular expression"),
  v.transform((text) => parsed(text) ?? /^/),
);

function parsed(text: string): TextPattern | undefined {
  try {
    return parseGoRegExp(text);
  } catch {
    return undefined;
  }
}

/** oci-hooks(5), 1.0.0. Fields that are not known are refused: a condition that is misspelled would be none. */
const current = v.pipe(
  v.strictObject({
    version: v.literal("1.0.0"),
    hook: v.strictObject({
      path,
      args: v.optional(texts),
      env: v.optional(v.array(v.pipe(v.string(), v.regex(/^[^=]+=/, "is not of the form NAME=value")))),
      timeout: v.optional(
        v.pipe(v.number(), v.integer("is not a whole number"), v.minValue(1, "is not above 0")),
      ),
    }),
    when: v.pipe(
      v.strictObject({
        always: v.optional(v.boolean()),
        annotations: v.optional(v.record(v.string(), expression)),
        commands: v.optional(v.array(expression)),
        hasBindMounts: v.optional(v.boolean()),
      }),
      v.check((when) => Object.keys(when).length > 0, "has no condition"),
      v.check(
        ({ annotations = {} }) => Object.keys(annotations).every((key) => parsed(key) !== undefined),
        "has annotations with a key that is no regular expression",
      ),
    ),
    stages,
  }),
  v.transform(
    ({ hook, when, stages }): HookDefinition => ({
      hook,
      stages,
      when: {
        needs: "all",
        always: when.always,
        hasBindMounts: when.hasBindMounts,
        commands: when.commands ?? [],
        annotations: Object.entries(when.annotations ?? {}).map(([key, value]) => ({
          key: parsed(key) ?? /^/,
          value,
        })),
      },
    }),
  ),
);

/** oci-hooks(5), 0.1.0: no version, and one condition that holds is enough. */
const older = v.pipe(
  v.strictObject({
    hook: path,
    arguments: v.optional(texts),
    stages: v.optional(stages),
    stage: v.optional(stages),
    cmds: v.optional(v.array(expression)),
    cmd: v.optional(v.array(expression)),
    annotations: v.optional(v.array(expression)),
    annotation: v.optional(v.array(expression)),
    hasbindmounts: v.optional(v.boolean()),
  }),
  v.check((one) => (one.stages === undefined) !== (one.stage === undefined), "needs stages, once"),
  v.check((one) => one.cmds === undefined || one.cmd === undefined, "has both cmds and cmd"),
  v.check(
    (one) => one.annotations === undefined || one.annotation === undefined,
    "has both annotations and annotation",
  ),
  v.transform(
    (one): HookDefinition => ({
      hook: {
        path: one.hook,
        ...(one.arguments === undefined ? {} : { args: [one.hook, ...one.arguments] }),
      },
      stages: one.stages ?? one.stage ?? [],
      when: {
        needs: "any",
        hasBindMounts: one.hasbindmounts,
        commands: one.cmds ?? one.cmd ?? [],
        annotations: (one.annotations ?? one.annotation ?? []).map((value) => ({ key: /^/, value })),
      },
    }),
  ),
);

/** The schema for a document: one without a version is of 0.1.0. */
export function hookSchemaFor(document: unknown): typeof current | typeof older {
  const isOlder = typeof document === "object" && document !== null && !("version" in document);
  return isOlder && "hook" in document && typeof document.hook === "string" ? older : current;
}
