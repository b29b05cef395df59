import * as v from "valibot";
import { type HookProgram, type HookStage, hookStages } from "../../base/hook.ts";
import { isCdiDevice, isCdiKind } from "./name.ts";

/** A device node to be made in the container; what is absent is as with the node's own device at `hostPath`. */
export interface CdiDeviceNode {
  readonly path: string;
  /** Absent: as `path`. */
  readonly hostPath?: string | undefined;
  readonly type?: "b" | "c" | "u" | "p" | undefined;
  readonly major?: number | undefined;
  readonly minor?: number | undefined;
  readonly fileMode?: number | undefined;
  /** Some of `r`, `w`, `m`; absent: all; `none`. */
  readonly permissions?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string | undefined;
  readonly options?: readonly string[] | undefined;
}

/** A program that the OCI runtime runs at that moment of the container's life, on the host or in the container. */
interface CdiHook extends HookProgram {
  readonly hookName: HookStage;
}

/** resctrl settings (OCI runtime spec v1.3, config-linux, IntelRdt). */
export interface CdiIntelRdt {
  readonly closID?: string | undefined;
  readonly l3CacheSchema?: string | undefined;
  readonly memBwSchema?: string | undefined;
  readonly schemata?: readonly string[] | undefined;
  readonly enableMonitoring?: boolean | undefined;
}

/** What a device, or every device of a file, changes of a container's OCI configuration (CDI spec, OCI Edits). */
export interface CdiEdits {
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  /** Interfaces of the host that move into the container's network. */
  readonly netDevices: readonly { readonly hostInterfaceName: string; readonly name: string }[];
  readonly hooks: readonly CdiHook[];
  readonly mounts: readonly CdiMount[];
  readonly intelRdt?: CdiIntelRdt | undefined;
  readonly additionalGids: readonly number[];
}

/** A CDI file (CDI spec v1.1). */
export interface CdiSpec {
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly containerEdits: CdiEdits }[];
  readonly containerEdits: CdiEdits;
}

// Where a text belongs, YAML may have found a number (`name: 0`): the format's own reader takes that for the text.
const text = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String));
const filled = v.pipe(text, v.nonEmpty("is empty"));
const number = v.pipe(v.number(), v.safeInteger("is not a whole number"), v.minValue(0, "is below 0"));
const id = v.pipe(number, v.maxValue(0xffff_ffff, "is no id"));
const list = <T extends v.GenericSchema>(schema: T) => v.nullish(v.array(schema), []);
const variable = v.pipe(text, v.regex(/^[^=]+=/, "is not of the form NAME=value"));
const annotations = v.nullish(v.record(v.string(), text));

const deviceNode = v.strictObject({
  path: filled,
  hostPath: v.optional(text),
  type: v.optional(v.picklist(["b", "c", "u", "p"])),
  major: v.optional(number),
  minor: v.optional(number),
  fileMode: v.optional(v.pipe(number, v.maxValue(0o7777, "is no file mode"))),
  permissions: v.optional(v.pipe(text, v.regex(/^([rwm]*|none)$/, "is not made of r, w and m"))),
  uid: v.optional(id),
  gid: v.optional(id),
});

const hook = v.strictObject({
  hookName: v.picklist(hookStages),
  path: v.pipe(text, v.startsWith("/", "is not an absolute path")),
  args: v.optional(v.array(text)),
  env: v.optional(v.array(variable)),
  timeout: v.optional(v.pipe(number, v.minValue(1, "is not above 0"))),
});

const edits = v.strictObject({
  env: list(variable),
  deviceNodes: list(deviceNode),
  netDevices: list(v.strictObject({ hostInterfaceName: filled, name: filled })),
  hooks: list(hook),
  mounts: list(
    v.strictObject({
      hostPath: filled,
      containerPath: filled,
      type: v.optional(text),
      options: v.optional(v.array(text)),
    }),
  ),
  intelRdt: v.optional(
    v.strictObject({
      closID: v.optional(v.pipe(text, v.regex(/^(\/|(?!\.{1,2}$)[^/\n]{0,4095})$/, "is no name of a group"))),
      l3CacheSchema: v.optional(text),
      memBwSchema: v.optional(text),
      schemata: v.optional(v.array(text)),
      enableMonitoring: v.optional(v.boolean()),
    }),
  ),
  additionalGids: list(id),
});

/** A CDI file as it comes from JSON or YAML. Unknown fields are refused, as the format wants it. */
export const cdiDocumentSchema = v.strictObject({
  cdiVersion: text,
  kind: v.pipe(text, v.check(isCdiKind, "is not of the form vendor.com/class")),
  annotations,
  devices: v.pipe(
    v.array(
      v.strictObject({
        name: v.pipe(text, v.check(isCdiDevice, "is no name of a device")),
        annotations,
        containerEdits: edits,
      }),
    ),
    v.nonEmpty("has no device"),
  ),
  containerEdits: v.optional(edits, {}),
});

/** A document as it is after its fields were checked. */
export type CdiDocument = v.InferOutput<typeof cdiDocumentSchema>;
