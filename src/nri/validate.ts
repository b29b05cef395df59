import { during, Fault } from "../base/fault.ts";
import type { Config } from "../config/schema.ts";
import {
  Field,
  type PodSandbox,
  SecurityProfile_ProfileType,
  type ValidateContainerAdjustmentRequest,
} from "../wire/gen/nri.v1alpha1.ts";
import type { Plugin } from "./plugin.ts";

type Settings = Config["nri"]["validator"];

const requiredPlugins = "required-plugins.noderesource.dev";

/**
 * Has the plugins that want to, and the settings' rules, say whether a container may be made as the plugins together want it.
 *
 * @throws {Fault} forbidden with who refuses it, and why
 */
export async function validate(
  request: ValidateContainerAdjustmentRequest,
  { plugins, settings }: { readonly plugins: readonly Plugin[]; readonly settings: Settings },
): Promise<void> {
  if (settings.enable) await validateByRules(request, settings);
  for (const plugin of plugins.filter((one) => one.takes("validateContainerAdjustment"))) {
    const answer = await plugin.call("validateContainerAdjustment", request);
    // one that can't answer may have meant no
    if (answer === undefined) throw refused(plugin.name, "it did not answer");
    if (answer.reject) throw refused(plugin.name, answer.reason);
  }
}

function refused(who: string, why: string): Fault {
  return new Fault("forbidden", `NRI validator ${who} refuses what the plugins adjust: ${why}`);
}

async function validateByRules(
  request: ValidateContainerAdjustmentRequest,
  settings: Settings,
): Promise<void> {
  const owners = request.owners?.owners[request.container?.id ?? ""];
  const simple = (field: Field) => setBy(owners?.simple[field]);
  const compound = (field: Field) => {
    const all = Object.values(owners?.compound[field]?.owners ?? {}).flatMap((owner) => setBy(owner) ?? []);
    return all.length === 0 ? undefined : [...new Set(all)].join(", ");
  };
  const rules: [boolean, string | undefined, string][] = [
    [settings.rejectHooks, simple(Field.FIELD_OCI_HOOKS), "OCI hooks"],
    [settings.rejectNamespaces, compound(Field.FIELD_NAMESPACE), "namespaces"],
    [settings.rejectSysctls, compound(Field.FIELD_SYSCTL), "sysctls"],
    [rejectsSeccomp(request, settings), simple(Field.FIELD_SECCOMP_POLICY), "the seccomp policy"],
  ];
  for (const [isRejected, by, what] of rules)
    if (isRejected && by !== undefined) throw refused("nri.validator", `${by} may not set ${what}`);
  await requirePlugins(request, settings);
}

function setBy(owner: string | undefined): string | undefined {
  return owner?.startsWith("-") === true ? undefined : owner;
}

function rejectsSeccomp({ container }: ValidateContainerAdjustmentRequest, settings: Settings): boolean {
  switch (container?.linux?.seccompProfile?.profileType) {
    case SecurityProfile_ProfileType.RUNTIME_DEFAULT:
      return settings.rejectRuntimeDefaultSeccomp;
    case SecurityProfile_ProfileType.LOCALHOST:
      return settings.rejectCustomSeccomp;
    default:
      return settings.rejectUnconfinedSeccomp;
  }
}

/** Those of the settings, and those that the pod's annotation names. */
async function requirePlugins(
  { pod, container, plugins }: ValidateContainerAdjustmentRequest,
  settings: Settings,
): Promise<void> {
  const name = container?.name ?? "";
  const tolerates = settings.tolerateMissingAnnotation;
  if (tolerates !== "" && isTrue(tolerates, annotation(pod, tolerates, name))) return;
  const required = [
    ...settings.requiredPlugins,
    ...(await annotated(annotation(pod, requiredPlugins, name))),
  ];
  const present = new Set(plugins.flatMap(({ name: base, index }) => [base, `${index}-${base}`]));
  const missing = required.filter((one) => !present.has(one));
  if (missing.length > 0)
    throw refused("nri.validator", `required plugins are missing: ${missing.join(", ")}`);
}

/** As upstream reads it. @throws {Fault} invalid */
function isTrue(key: string, value: string | undefined): boolean {
  if (value === undefined || ["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  throw new Fault("invalid", `annotation ${key}: "${value}" is neither true nor false`);
}

/** @throws {Fault} invalid */
async function annotated(value: string | undefined): Promise<string[]> {
  if (value === undefined) return [];
  const { parse } = await import("../spec/yaml.ts");
  try {
    const names: unknown = parse(value);
    if (Array.isArray(names) && names.every((one) => typeof one === "string")) return names;
  } catch (error) {
    throw during(`annotation ${requiredPlugins}`, new Fault("invalid", "it is no YAML", { cause: error }));
  }
  throw new Fault("invalid", `annotation ${requiredPlugins}: it is no list of names`);
}

/** A pod's annotation for one container, or for all. */
function annotation(pod: PodSandbox | undefined, key: string, container: string): string | undefined {
  const all = pod?.annotations ?? {};
  return all[`${key}/container.${container}`] ?? all[`${key}/pod`] ?? all[key];
}
