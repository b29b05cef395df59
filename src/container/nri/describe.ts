import type { NriContainer } from "../../nri/contract.ts";
import { optional } from "../../nri/optional.ts";
import type { SecurityProfile } from "../../spec/cri/security.ts";
import { noLimit } from "../../spec/oci-json.ts";
import type { OciConfig, OciLinux, OciProcess, OciSeccomp } from "../../spec/oci-runtime.ts";
import type {
  ContainerState,
  IOPrioClass,
  LinuxSchedulerFlag,
  LinuxSchedulerPolicy,
  LinuxSeccomp,
  SecurityProfile as NriSecurityProfile,
  POSIXRlimit,
} from "../../wire/gen/nri.v1alpha1.ts";
import { ioClasses, numberOf, schedulerFlags, schedulers } from "../spec/nri-enum.ts";
import { type ContainerRecord, exitedState } from "../state.ts";
import { nriDevice, nriHooks, nriMounts, nriResources } from "./oci-messages.ts";

/** ContainerState's numbers: the messages' own module is loaded with the first plugin. */
const states = { unknown: 0, created: 1, running: 3, stopped: 4 } as const;

/** A container as plugins see it. @param config what it runs with; undefined: that is gone */
export function describeContainer(record: ContainerRecord, config: OciConfig | undefined): NriContainer {
  const { config: asked, state } = record;
  const exit = exitedState(state);
  const process = config?.process;
  return {
    id: record.id,
    podSandboxId: record.podId,
    name: asked.metadata.name,
    state: stateOf(record),
    labels: { ...asked.labels },
    annotations: { ...config?.annotations, ...asked.annotations },
    args: [...(process?.args ?? [])],
    env: [...(process?.env ?? [])],
    mounts: nriMounts(config?.mounts ?? []),
    hooks: nriHooks(config?.hooks),
    linux: describeLinux(record, config),
    pid: state.kind === "created" || state.kind === "running" ? state.process.init.pid : 0,
    rlimits: (process?.rlimits ?? []).map(nriRlimit),
    createdAt: record.createdAt,
    startedAt: (state.kind === "running" ? state.startedAt : exit?.startedAt) ?? 0n,
    finishedAt: exit?.finishedAt ?? 0n,
    exitCode: exit?.exitCode ?? 0,
    statusReason: exit?.reason ?? "",
    statusMessage: exit?.message ?? "",
    cdiDevices: asked.cdiDevices.map((name) => ({ name })),
    user: describeUser(process),
    image: {
      name: asked.image.userSpecifiedImage || asked.image.image,
      digest: record.imageRef,
      configDigest: record.imageId,
    },
  };
}

function stateOf({ state: { kind } }: ContainerRecord): ContainerState {
  switch (kind) {
    case "making":
      return states.unknown;
    case "created":
    case "checkpointed":
      return states.created;
    case "running":
      return states.running;
    case "exited":
    case "removing":
    case "stranded":
      return states.stopped;
  }
}

function describeLinux(
  { config: asked }: ContainerRecord,
  config: OciConfig | undefined,
): NriContainer["linux"] {
  const linux = config?.linux;
  const { oomScoreAdj, ioPriority, scheduler } = config?.process ?? {};
  return {
    namespaces: (linux?.namespaces ?? []).map(({ type, path = "" }) => ({ type, path })),
    devices: (linux?.devices ?? []).map(nriDevice),
    resources: nriResources(linux?.resources ?? {}),
    oomScoreAdj: optional(oomScoreAdj),
    cgroupsPath: linux?.cgroupsPath ?? "",
    ioPriority: ioPriority && nriIoPriority(ioPriority),
    seccompProfile: nriSecurityProfile(asked.security.seccomp),
    seccompPolicy: linux?.seccomp && nriSeccomp(linux.seccomp),
    sysctl: { ...linux?.sysctl },
    netDevices: { ...linux?.netDevices },
    scheduler: scheduler && nriScheduler(scheduler),
    rdt: linux?.intelRdt && nriRdt(linux.intelRdt),
  };
}

function nriIoPriority({
  class: name,
  priority,
}: NonNullable<OciProcess["ioPriority"]>): NriContainer["linux"]["ioPriority"] {
  return { class: numberOf<IOPrioClass>(ioClasses, name) ?? 0, priority };
}

function nriScheduler({
  policy,
  flags = [],
  ...values
}: NonNullable<OciProcess["scheduler"]>): NriContainer["linux"]["scheduler"] {
  const { nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = values;
  return {
    policy: numberOf<LinuxSchedulerPolicy>(schedulers, policy) ?? 0,
    nice,
    priority,
    flags: flags.flatMap((flag) => numberOf<LinuxSchedulerFlag>(schedulerFlags, flag) ?? []),
    runtime: BigInt(runtime),
    deadline: BigInt(deadline),
    period: BigInt(period),
  };
}

function nriRdt({
  closID,
  schemata,
  enableMonitoring,
}: NonNullable<OciLinux["intelRdt"]>): NriContainer["linux"]["rdt"] {
  return {
    closId: closID === undefined ? undefined : { value: closID },
    schemata: schemata === undefined ? undefined : { value: [...schemata] },
    enableMonitoring: enableMonitoring === undefined ? undefined : { value: enableMonitoring },
    remove: false,
  };
}

function nriRlimit({ type, soft, hard }: { type: string; soft: number; hard: number }): POSIXRlimit {
  const limit = (value: number) => (value >= noLimit ? 2n ** 64n - 1n : BigInt(value));
  return { type, soft: limit(soft), hard: limit(hard) };
}

function describeUser(process: OciProcess | undefined): NriContainer["user"] {
  if (process === undefined) return undefined;
  const { uid, gid, additionalGids = [] } = process.user;
  return { uid, gid, additionalGids: [...additionalGids] };
}

/** ProfileType's numbers, as those of the states. */
function nriSecurityProfile(profile: SecurityProfile | undefined): NriSecurityProfile | undefined {
  switch (profile?.kind) {
    case undefined:
      return undefined;
    case "runtimeDefault":
      return { profileType: 0, localhostRef: "" };
    case "unconfined":
      return { profileType: 1, localhostRef: "" };
    case "localhost":
      return { profileType: 2, localhostRef: profile.ref };
  }
}

function nriSeccomp(seccomp: OciSeccomp): LinuxSeccomp {
  const errno = (value: number | undefined) => (value === undefined ? undefined : { value });
  return {
    defaultAction: seccomp.defaultAction,
    defaultErrno: errno(seccomp.defaultErrnoRet),
    architectures: [...(seccomp.architectures ?? [])],
    flags: [...(seccomp.flags ?? [])],
    listenerPath: seccomp.listenerPath ?? "",
    listenerMetadata: seccomp.listenerMetadata ?? "",
    syscalls: (seccomp.syscalls ?? []).map(({ names, action, errnoRet, args = [] }) => ({
      names: [...names],
      action,
      errnoRet: errno(errnoRet),
      args: args.map(({ index, value, valueTwo = 0, op }) => {
        return { index, value: BigInt(value), valueTwo: BigInt(valueTwo), op };
      }),
    })),
  };
}
