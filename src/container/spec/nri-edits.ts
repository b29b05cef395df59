import { posix } from "node:path";
import { Fault } from "../../base/fault.ts";
import { hookStages } from "../../base/hook.ts";
import type { OciConfig, OciMount, OciProcess } from "../../spec/oci-runtime.ts";
import type {
  ContainerAdjustment,
  Hooks,
  KeyValue,
  Mount,
  POSIXRlimit,
} from "../../wire/gen/nri.v1alpha1.ts";
import { type StagedHook, withHooks } from "./hooks.ts";
import type { HostFacts } from "./input.ts";
import { ioClasses, nameIn, schedulerFlags, schedulers } from "./nri-enum.ts";
import { type NriClasses, nriLinux } from "./nri-linux-edits.ts";
import { editTable } from "./nri-table.ts";
import { oomScoreAdj } from "./oom-score.ts";
import { processRlimits } from "./rlimits.ts";

type Config = Omit<OciConfig, "ociVersion">;

/** An rlimit that is none. */
const noRlimit = 2n ** 64n - 1n;

/**
 * The configuration as NRI plugins adjust it, all but their CDI devices. What begins with "-" is taken away, then what is set is
 * added, or takes the place of what has its name.
 *
 * @throws {Fault} invalid for what this host or the format can't have
 */
export function withNri(
  config: Config,
  adjustment: ContainerAdjustment,
  classes: NriClasses,
  host: HostFacts,
): Config {
  const { annotations, mounts, hooks } = adjustment;
  const placed = nriMounts(config.mounts, mounts);
  const propagation = rootPropagation(mounts) ?? config.linux.rootfsPropagation;
  const linux = nriLinux(config.linux, adjustment.linux, classes, host);
  const edited = {
    ...config,
    annotations: editTable(config.annotations ?? {}, annotations),
    process: nriProcess(config.process, adjustment, host),
    mounts: placed,
    linux: { ...linux, ...(propagation === undefined ? {} : { rootfsPropagation: propagation }) },
  };
  return withHooks(edited, hooks === undefined ? [] : stagedHooks(hooks));
}

function nriProcess(process: OciProcess, adjustment: ContainerAdjustment, host: HostFacts): OciProcess {
  const { args, env, rlimits, linux } = adjustment;
  const { ioPriority, scheduler } = linux ?? {};
  const score = linux?.oomScoreAdj;
  const ioClass = nameIn(ioClasses, ioPriority?.class ?? 0, "ioPriority.class");
  const policy = nameIn(schedulers, scheduler?.policy ?? 0, "scheduler.policy");
  return {
    ...process,
    ...(args.length === 0 ? {} : { args: [...args] }),
    env: editEnv(process.env, env),
    ...(rlimits.length === 0 ? {} : { rlimits: editRlimits(process.rlimits ?? [], rlimits, host) }),
    ...(score === undefined ? {} : { oomScoreAdj: oomScoreAdj(Number(score.value), host) }),
    ...(ioClass === "none" ? {} : { ioPriority: { class: ioClass, priority: ioPriority?.priority ?? 0 } }),
    ...(scheduler === undefined || policy === "none"
      ? {}
      : {
          scheduler: {
            policy,
            nice: scheduler.nice,
            priority: scheduler.priority,
            flags: scheduler.flags.map((flag) => nameIn(schedulerFlags, flag, "scheduler.flags")),
            runtime: Number(scheduler.runtime),
            deadline: Number(scheduler.deadline),
            period: Number(scheduler.period),
          },
        }),
  };
}

/** @throws {Fault} invalid */
function editEnv(before: readonly string[], changes: readonly KeyValue[]): string[] {
  const removed = new Set(changes.filter(({ key }) => key.startsWith("-")).map(({ key }) => key.slice(1)));
  const env = new Map(before.map((entry) => [entry.split("=", 1)[0] ?? "", entry]));
  for (const name of removed) env.delete(name);
  for (const { key, value } of changes.filter(({ key }) => !key.startsWith("-"))) {
    // upstream's logger sets `A=b`: the variable is A then
    if (!/^[^=\0][^\0]*$/.test(key))
      throw new Fault("invalid", `NRI: env: "${key}" is not a variable's name`);
    env.set(key.split("=", 1)[0] ?? key, `${key}=${value}`);
  }
  return [...env.values()];
}

function editRlimits(
  before: NonNullable<OciProcess["rlimits"]>,
  changes: readonly POSIXRlimit[],
  host: HostFacts,
): NonNullable<OciProcess["rlimits"]> {
  const limit = (value: bigint) => (value === noRlimit ? -1 : Number(value));
  const set = changes.map(({ type, soft, hard }) => ({ type, soft: limit(soft), hard: limit(hard) }));
  return processRlimits(before, set, host);
}

/** @throws {Fault} invalid */
function stagedHooks(hooks: Hooks): StagedHook[] {
  return hookStages.flatMap((stage) =>
    hooks[stage].map(({ path, args, env, timeout }): StagedHook => {
      if (!posix.isAbsolute(path))
        throw new Fault("invalid", `NRI: hooks.${stage}: "${path}" is not an absolute path`);
      const seconds = timeout === undefined ? {} : { timeout: Number(timeout.value) };
      return { stage, program: { path, args, env, ...seconds } };
    }),
  );
}

/** Those of the plugins go behind the others, the less deep ones first. @throws {Fault} invalid */
function nriMounts(before: readonly OciMount[], changes: readonly Mount[]): OciMount[] {
  const clean = (path: string) => posix.resolve("/", path);
  const set = changes.filter(({ destination }) => !destination.startsWith("-"));
  const gone = new Set(changes.map(({ destination }) => clean(destination.replace(/^-/, ""))));
  const kept = before.filter(({ destination }) => !gone.has(destination));
  const added = set.map(({ destination, type, source, options }): OciMount => {
    if (clean(destination) === "/")
      throw new Fault("invalid", `NRI: mounts: "${destination}" is not a path below the container's root`);
    return {
      destination: clean(destination),
      ...(type === "" ? {} : { type }),
      source,
      options: [...options],
    };
  });
  const depth = ({ destination }: OciMount) => destination.split("/").length;
  const [first = [], rest = []] = [kept.slice(0, kernelMounts(kept)), kept.slice(kernelMounts(kept))];
  return [...first, ...[...rest, ...added].sort((a, b) => depth(a) - depth(b))];
}

/** How many there are at the beginning that the kernel fills: others may lie on them. */
function kernelMounts(mounts: readonly OciMount[]): number {
  const other = mounts.findIndex(({ type, source }) => type === "bind" && source !== "/sys");
  return other < 0 ? mounts.length : other;
}

/** What spreads, or takes in, mounts of the host needs a root mount that does. */
function rootPropagation(mounts: readonly Mount[]): "rshared" | "rslave" | undefined {
  const set = mounts.filter(({ destination }) => !destination.startsWith("-"));
  if (set.some(({ options }) => options.includes("rshared"))) return "rshared";
  return set.some(({ options }) => options.includes("rslave")) ? "rslave" : undefined;
}
