import { optional } from "../../nri/optional.ts";
import type { OciConfig, OciDevice, OciHook, OciResources } from "../../spec/oci-runtime.ts";
import type {
  Hook,
  Hooks,
  LinuxCPU,
  LinuxDevice,
  LinuxDeviceCgroup,
  LinuxMemory,
  LinuxResources,
  Mount,
} from "../../wire/gen/nri.v1alpha1.ts";

/** Parts of an OCI config, as plugins see them. */
export function nriMounts(mounts: OciConfig["mounts"]): Mount[] {
  return mounts.map(({ destination, type = "", source = "", options = [] }) => {
    return { destination, type, source, options: [...options] };
  });
}

export function nriHooks(hooks: OciConfig["hooks"]): Hooks {
  const stage = (all: readonly OciHook[] = []) => all.map(nriHook);
  return {
    prestart: stage(hooks?.prestart),
    createRuntime: stage(hooks?.createRuntime),
    createContainer: stage(hooks?.createContainer),
    startContainer: stage(hooks?.startContainer),
    poststart: stage(hooks?.poststart),
    poststop: stage(hooks?.poststop),
  };
}

function nriHook({ path, args = [], env = [], timeout }: OciHook): Hook {
  return { path, args: [...args], env: [...env], timeout: optional(timeout) };
}

export function nriDevice({ path, type, major, minor, fileMode, uid, gid }: OciDevice): LinuxDevice {
  return {
    path,
    type,
    major: BigInt(major),
    minor: BigInt(minor),
    fileMode: fileMode === undefined ? undefined : { value: fileMode },
    uid: uid === undefined ? undefined : { value: uid },
    gid: gid === undefined ? undefined : { value: gid },
  };
}

export function nriResources(resources: OciResources): LinuxResources {
  const { memory, cpu, pids, hugepageLimits = [], unified = {}, devices = [] } = resources;
  return {
    memory: memory && nriMemory(memory),
    cpu: cpu && nriCpu(cpu),
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: BigInt(limit) })),
    blockioClass: undefined,
    rdtClass: undefined,
    unified: { ...unified },
    devices: devices.map(({ allow, type = "", major, minor, access = "" }): LinuxDeviceCgroup => {
      return { allow, type, major: optional(major), minor: optional(minor), access };
    }),
    pids: pids && { limit: BigInt(pids.limit) },
  };
}

function nriMemory(memory: NonNullable<OciResources["memory"]>): LinuxMemory {
  const { limit, reservation, swap, kernel, kernelTCP, swappiness, disableOOMKiller, useHierarchy } = memory;
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : { value });
  return {
    limit: optional(limit),
    reservation: optional(reservation),
    swap: optional(swap),
    kernel: optional(kernel),
    kernelTcp: optional(kernelTCP),
    swappiness: optional(swappiness),
    disableOomKiller: flag(disableOOMKiller),
    useHierarchy: flag(useHierarchy),
  };
}

function nriCpu(cpu: NonNullable<OciResources["cpu"]>): LinuxCPU {
  const { shares, quota, period, realtimeRuntime, realtimePeriod, cpus = "", mems = "" } = cpu;
  return {
    shares: optional(shares),
    quota: optional(quota),
    period: optional(period),
    realtimeRuntime: optional(realtimeRuntime),
    realtimePeriod: optional(realtimePeriod),
    cpus,
    mems,
  };
}
