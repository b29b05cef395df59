import { Fault } from "../../base/fault.ts";
import { limitNumber } from "../../base/limit.ts";
import type {
  OciDevice,
  OciDeviceRule,
  OciLinux,
  OciNamespace,
  OciResources,
  OciSeccomp,
} from "../../spec/oci-runtime.ts";
import type {
  LinuxContainerAdjustment,
  LinuxDevice,
  LinuxDeviceCgroup,
  LinuxMemoryPolicy,
  LinuxNamespace,
  LinuxResources,
  LinuxSeccomp,
} from "../../wire/gen/nri.v1alpha1.ts";
import type { HostFacts } from "./input.ts";
import { nameIn } from "./nri-enum.ts";
import { editTable } from "./nri-table.ts";
import { requireUnified } from "./resources.ts";

/** In the order of MpolMode and MpolFlag. */
const memoryModes = [
  "MPOL_DEFAULT",
  "MPOL_PREFERRED",
  "MPOL_BIND",
  "MPOL_INTERLEAVE",
  "MPOL_LOCAL",
  "MPOL_PREFERRED_MANY",
  "MPOL_WEIGHTED_INTERLEAVE",
] as const;
const memoryFlags = ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES", "MPOL_F_NUMA_BALANCING"] as const;

/** What the classes say that plugins give a container. */
export interface NriClasses {
  readonly blockIO: OciResources["blockIO"];
  readonly intelRdt: OciLinux["intelRdt"];
}

/** The `linux` part of a configuration as plugins adjust it. @throws {Fault} invalid, unimplemented */
export function nriLinux(
  linux: OciLinux,
  adjustment: LinuxContainerAdjustment | undefined,
  classes: NriClasses,
  host: HostFacts,
): OciLinux {
  if (adjustment === undefined) return linux;
  const { devices, resources, cgroupsPath, seccompPolicy, namespaces, memoryPolicy } = adjustment;
  const rules = devices.filter(({ path }) => !path.startsWith("-")).map(deviceRule);
  const edited: OciLinux = {
    ...linux,
    devices: editDevices(linux.devices ?? [], devices),
    resources: withBlockIo(nriResources({ ...linux.resources }, resources, rules, host), resources, classes),
    namespaces: editNamespaces(linux.namespaces, namespaces),
    sysctl: editTable(linux.sysctl ?? {}, adjustment.sysctl),
    netDevices: editTable(linux.netDevices ?? {}, adjustment.netDevices),
    ...(cgroupsPath === "" ? {} : { cgroupsPath }),
    ...(seccompPolicy === undefined ? {} : { seccomp: ociSeccomp(seccompPolicy) }),
    ...(memoryPolicy === undefined ? {} : { memoryPolicy: ociMemoryPolicy(memoryPolicy) }),
  };
  return withoutEmpty(editRdt(edited, adjustment, classes));
}

/** As the builder writes them: what there is none of isn't there. */
function withoutEmpty(linux: OciLinux): OciLinux {
  const { devices = [], sysctl = {}, netDevices = {}, ...rest } = linux;
  return {
    ...rest,
    ...(devices.length === 0 ? {} : { devices }),
    ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
    ...(Object.keys(netDevices).length === 0 ? {} : { netDevices }),
  };
}

function editDevices(before: readonly OciDevice[], changes: readonly LinuxDevice[]): OciDevice[] {
  const gone = new Set(changes.map(({ path }) => path.replace(/^-/, "")));
  const set = changes.filter(({ path }) => !path.startsWith("-"));
  return [...before.filter(({ path }) => !gone.has(path)), ...set.map(ociDevice)];
}

/** @throws {Fault} invalid */
function ociDevice({ path, type, major, minor, fileMode, uid, gid }: LinuxDevice): OciDevice {
  const known = type === "u" ? "c" : type;
  if (known !== "c" && known !== "b" && known !== "p")
    throw new Fault("invalid", `NRI: device ${path} is of the unknown type "${type}"`);
  return {
    path,
    type: known,
    major: Number(major),
    minor: Number(minor),
    ...(fileMode === undefined ? {} : { fileMode: fileMode.value }),
    ...(uid === undefined ? {} : { uid: uid.value }),
    ...(gid === undefined ? {} : { gid: gid.value }),
  };
}

/** The container may use it, and make another node of a disk, as upstream has it. */
function deviceRule(device: LinuxDevice): OciDeviceRule {
  const { type, major, minor } = ociDevice(device);
  const access = type === "b" ? "rwm" : "rw";
  return { allow: true, ...(type === "p" ? {} : { type }), major, minor, access };
}

function editNamespaces(before: readonly OciNamespace[], changes: readonly LinuxNamespace[]): OciNamespace[] {
  const gone = new Set(changes.map(({ type }) => type.replace(/^-/, "")));
  const set = changes
    .filter(({ type }) => !type.startsWith("-"))
    .map(({ type, path }) => ({ type, ...(path === "" ? {} : { path }) }) as OciNamespace);
  return [...before.filter(({ type }) => !gone.has(type)), ...set];
}

function nriResources(
  before: OciResources,
  changes: LinuxResources | undefined,
  rules: readonly OciDeviceRule[],
  host: HostFacts,
): OciResources {
  const after: OciResources = {
    ...before,
    devices: [...(before.devices ?? []), ...rules, ...(changes?.devices ?? []).map(ociDeviceRule)],
  };
  if (changes === undefined) return after;
  const cpu = { ...before.cpu, ...ociCpu(changes) };
  const memory = { ...before.memory, ...ociMemory(changes, host) };
  const sizes = new Set(changes.hugepageLimits.map(({ pageSize }) => pageSize));
  const hugepageLimits = [
    ...(before.hugepageLimits ?? []).filter(({ pageSize }) => !sizes.has(pageSize)),
    ...changes.hugepageLimits
      .filter(({ pageSize }) => host.hugepageSizes.has(pageSize))
      .map(({ pageSize, limit }) => ({ pageSize, limit: limitNumber(limit) })),
  ];
  const unified = { ...before.unified, ...changes.unified };
  requireUnified(changes.unified, "NRI: resources.unified", host);
  return {
    ...after,
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
    ...(changes.pids === undefined ? {} : { pids: { limit: limitNumber(changes.pids.limit) } }),
  };
}

function ociDeviceRule({ allow, type, major, minor, access }: LinuxDeviceCgroup): OciDeviceRule {
  return {
    allow,
    ...(type === "a" || type === "b" || type === "c" ? { type } : {}),
    ...(major === undefined ? {} : { major: Number(major.value) }),
    ...(minor === undefined ? {} : { minor: Number(minor.value) }),
    ...(access === "" ? {} : { access }),
  };
}

function ociCpu({ cpu }: LinuxResources): NonNullable<OciResources["cpu"]> {
  if (cpu === undefined) return {};
  const { shares, quota, period, realtimeRuntime, realtimePeriod, cpus, mems } = cpu;
  return {
    ...(shares === undefined ? {} : { shares: limitNumber(shares.value) }),
    ...(quota === undefined ? {} : { quota: limitNumber(quota.value) }),
    ...(period === undefined ? {} : { period: limitNumber(period.value) }),
    ...(realtimeRuntime === undefined ? {} : { realtimeRuntime: limitNumber(realtimeRuntime.value) }),
    ...(realtimePeriod === undefined ? {} : { realtimePeriod: limitNumber(realtimePeriod.value) }),
    ...(cpus === "" ? {} : { cpus }),
    ...(mems === "" ? {} : { mems }),
  };
}

/** Without a limit for swap of its own, the one for memory is for both, where swap is accounted. */
function ociMemory({ memory }: LinuxResources, host: HostFacts): NonNullable<OciResources["memory"]> {
  if (memory === undefined) return {};
  const { limit, reservation, kernel, kernelTcp, swappiness, disableOomKiller, useHierarchy } = memory;
  const swap = host.swap ? (memory.swap ?? limit) : undefined;
  return {
    ...(limit === undefined ? {} : { limit: limitNumber(limit.value) }),
    ...(swap === undefined ? {} : { swap: limitNumber(swap.value) }),
    ...(reservation === undefined ? {} : { reservation: limitNumber(reservation.value) }),
    ...(kernel === undefined ? {} : { kernel: limitNumber(kernel.value) }),
    ...(kernelTcp === undefined ? {} : { kernelTCP: limitNumber(kernelTcp.value) }),
    ...(swappiness === undefined ? {} : { swappiness: limitNumber(swappiness.value) }),
    ...(disableOomKiller === undefined ? {} : { disableOOMKiller: disableOomKiller.value }),
    ...(useHierarchy === undefined ? {} : { useHierarchy: useHierarchy.value }),
  };
}

/** @throws {Fault} invalid for a mode or a flag that is not known */
function ociMemoryPolicy({ mode, nodes, flags }: LinuxMemoryPolicy): NonNullable<OciLinux["memoryPolicy"]> {
  return {
    mode: nameIn(memoryModes, mode, "memoryPolicy.mode"),
    nodes,
    flags: flags.map((flag) => nameIn(memoryFlags, flag, "memoryPolicy.flags")),
  };
}

/** An empty name of a class takes away the one that it has. */
function withBlockIo(
  resources: OciResources,
  changes: LinuxResources | undefined,
  { blockIO }: NriClasses,
): OciResources {
  if (changes?.blockioClass === undefined) return resources;
  const { blockIO: _, ...without } = resources;
  return blockIO === undefined ? without : { ...without, blockIO };
}

function editRdt(
  linux: OciLinux,
  { rdt, resources }: LinuxContainerAdjustment,
  { intelRdt: ofClass }: NriClasses,
): OciLinux {
  const { intelRdt, ...without } = linux;
  const base = rdt?.remove === true ? {} : resources?.rdtClass === undefined ? intelRdt : ofClass;
  const edited = {
    ...base,
    ...(rdt?.closId === undefined ? {} : { closID: rdt.closId.value }),
    ...(rdt?.schemata === undefined ? {} : { schemata: [...rdt.schemata.value] }),
    ...(rdt?.enableMonitoring === undefined ? {} : { enableMonitoring: rdt.enableMonitoring.value }),
  };
  return Object.keys(edited).length === 0 ? without : { ...without, intelRdt: edited };
}

/** @throws {Fault} invalid for a number that JSON can't hold */
function ociSeccomp(policy: LinuxSeccomp): OciSeccomp {
  const { defaultAction, defaultErrno, architectures, flags, listenerPath, listenerMetadata, syscalls } =
    policy;
  return {
    defaultAction,
    ...(defaultErrno === undefined ? {} : { defaultErrnoRet: defaultErrno.value }),
    ...(architectures.length === 0 ? {} : { architectures: [...architectures] }),
    ...(flags.length === 0 ? {} : { flags: [...flags] }),
    ...(listenerPath === "" ? {} : { listenerPath }),
    ...(listenerMetadata === "" ? {} : { listenerMetadata }),
    syscalls: syscalls.map(({ names, action, errnoRet, args }) => ({
      names: [...names],
      action,
      ...(errnoRet === undefined ? {} : { errnoRet: errnoRet.value }),
      ...(args.length === 0
        ? {}
        : {
            args: args.map(({ index, value, valueTwo, op }) => {
              return { index, value: exact(value), valueTwo: exact(valueTwo), op };
            }),
          }),
    })),
  };
}

function exact(value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new Fault(
    "invalid",
    `NRI: a seccomp rule compares with ${value}, which is more than berth can write`,
  );
}
