import { limitNumber } from "../base/limit.ts";
import type { LinuxResources as CriResources } from "../spec/cri/resources.ts";
import type { LinuxResources } from "../wire/gen/nri.v1alpha1.ts";

/** Those of a plugin's resources that a container that runs can be given. */
export function criResources(resources: LinuxResources | undefined): CriResources {
  if (resources === undefined) return {};
  const { cpu, memory, hugepageLimits, unified } = resources;
  const limits = hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: limitNumber(limit) }));
  return {
    ...(cpu?.shares === undefined ? {} : { cpuShares: limitNumber(cpu.shares.value) }),
    ...(cpu?.quota === undefined ? {} : { cpuQuotaUs: limitNumber(cpu.quota.value) }),
    ...(cpu?.period === undefined ? {} : { cpuPeriodUs: limitNumber(cpu.period.value) }),
    ...(cpu === undefined || cpu.cpus === "" ? {} : { cpusetCpus: cpu.cpus }),
    ...(cpu === undefined || cpu.mems === "" ? {} : { cpusetMems: cpu.mems }),
    ...(memory?.limit === undefined ? {} : { memoryLimit: limitNumber(memory.limit.value) }),
    ...(memory?.swap === undefined ? {} : { memorySwapLimit: limitNumber(memory.swap.value) }),
    ...(limits.length === 0 ? {} : { hugepageLimits: limits }),
    ...(Object.keys(unified).length === 0 ? {} : { unified: { ...unified } }),
  };
}

/** The CRI's resources as plugins see them. */
export function nriResourcesOfCri(resources: CriResources): LinuxResources {
  const whole = (value: number | undefined) => (value === undefined ? undefined : { value: BigInt(value) });
  return {
    memory: {
      limit: whole(resources.memoryLimit),
      reservation: undefined,
      swap: whole(resources.memorySwapLimit),
      kernel: undefined,
      kernelTcp: undefined,
      swappiness: undefined,
      disableOomKiller: undefined,
      useHierarchy: undefined,
    },
    cpu: {
      shares: whole(resources.cpuShares),
      quota: whole(resources.cpuQuotaUs),
      period: whole(resources.cpuPeriodUs),
      realtimeRuntime: undefined,
      realtimePeriod: undefined,
      cpus: resources.cpusetCpus ?? "",
      mems: resources.cpusetMems ?? "",
    },
    hugepageLimits: (resources.hugepageLimits ?? []).map(({ pageSize, limit }) => {
      return { pageSize, limit: BigInt(limit) };
    }),
    blockioClass: undefined,
    rdtClass: undefined,
    unified: { ...resources.unified },
    devices: [],
    pids: undefined,
  };
}
