import type { BaseSpec } from "../../spec/base-spec.ts";
import type { OciConfig, OciDeviceRule, OciLinux, OciProcess, OciResources } from "../../spec/oci-runtime.ts";

type Config = Omit<OciConfig, "ociVersion">;

/** What a base may say that nothing else of berth does. */
const passed = {
  process: ["scheduler", "ioPriority", "execCPUAffinity"],
  linux: ["personality", "intelRdt"],
};

/** What decides whether a base's seccomp filter counts. */
export interface BaseUse {
  /** The container asks for no profile, and isn't to have none. */
  readonly leavesSeccomp: boolean;
}

/**
 * The configuration over a handler's base: what the base says where the configuration says nothing. Lists of named things
 * are joined by their names, resources field by field. Variables, limits of processes, capabilities and mounts of a base are
 * used where those are made (`env.ts`, `rlimits.ts`, `capabilities.ts`, `mounts.ts`).
 */
export function overBase(config: Config, base: BaseSpec | undefined, use: BaseUse): Config {
  if (base === undefined) return config;
  const annotations = { ...base.annotations, ...config.annotations };
  return {
    ...config,
    process: processOver(config.process, base),
    ...(base.hooks === undefined ? {} : { hooks: base.hooks }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    linux: linuxOver(config.linux, base.linux ?? {}, use),
  };
}

function processOver(process: OciProcess, { process: base = {} }: BaseSpec): OciProcess {
  const umask = process.user.umask ?? base.user?.umask;
  return {
    ...process,
    ...fieldsOf(base, passed.process),
    user: { ...process.user, ...(umask === undefined ? {} : { umask }) },
    noNewPrivileges: (process.noNewPrivileges ?? false) || (base.noNewPrivileges ?? false),
  };
}

function linuxOver(
  linux: OciLinux,
  base: NonNullable<BaseSpec["linux"]>,
  { leavesSeccomp }: BaseUse,
): OciLinux {
  const sysctl = { ...base.sysctl, ...linux.sysctl };
  const devices = [
    ...new Map(
      [...(base.devices ?? []), ...(linux.devices ?? [])].map((device) => [device.path, device]),
    ).values(),
  ];
  return {
    ...fieldsOf(base, passed.linux),
    ...linux,
    ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
    ...(devices.length === 0 ? {} : { devices }),
    resources: resourcesOver(linux.resources ?? {}, base.resources ?? {}),
    ...(leavesSeccomp && base.seccomp !== undefined ? { seccomp: base.seccomp } : {}),
  };
}

function resourcesOver(own: OciResources, base: OciResources): OciResources {
  const joined: OciResources = { ...base, ...own };
  for (const key of ["memory", "cpu", "unified", "blockIO"] as const)
    if (base[key] !== undefined) Object.assign(joined, { [key]: { ...base[key], ...own[key] } });
  // That nothing is allowed at first is said already.
  const more = (base.devices ?? []).filter((rule) => !isWhole(rule));
  return { ...joined, devices: [...(own.devices ?? []), ...more] };
}

function isWhole({ allow, type, major, minor }: OciDeviceRule): boolean {
  return !allow && (type === undefined || type === "a") && major === undefined && minor === undefined;
}

function fieldsOf(base: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(base).filter(([key]) => keys.includes(key)));
}
