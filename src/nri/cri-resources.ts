import { limitNumber } from "../base/limit.ts";
import type { LinuxResources as CriResources } from "../spec/cri/resources.ts";
import type { LinuxResources } from "../wire/gen/nri.v1alpha1.ts";
import { optional } from "./optional.ts";

/** As plugins' fields are called in words; those that have several of a kind, by which of them. */
const names: Readonly<Record<keyof CriResources, string>> = {
  cpuShares: "cpu shares",
  cpuQuotaUs: "cpu quota",
  cpuPeriodUs: "cpu period",
  cpusetCpus: "cpu set cpus",
  cpusetMems: "cpu set mems",
  memoryLimit: "mem limit",
  memorySwapLimit: "mem swap limit",
  oomScoreAdj: "oom score adj",
  hugepageLimits: "hugepage limits",
  unified: "cgroups unified",
};

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
  return {
    memory: {
      limit: optional(resources.memoryLimit),
      reservation: undefined,
      swap: optional(resources.memorySwapLimit),
      kernel: undefined,
      kernelTcp: undefined,
      swappiness: undefined,
      disableOomKiller: undefined,
      useHierarchy: undefined,
    },
    cpu: {
      shares: optional(resources.cpuShares),
      quota: optional(resources.cpuQuotaUs),
      period: optional(resources.cpuPeriodUs),
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

/** What of a container they set, as `NriAdjustment.owners` names it. */
export function namesOfCri(resources: CriResources): string[] {
  const set = (Object.keys(names) as (keyof CriResources)[]).filter(
    (field) => resources[field] !== undefined,
  );
  return set.flatMap((field) => {
    if (field === "hugepageLimits")
      return (resources.hugepageLimits ?? []).map(({ pageSize }) => `${names[field]} ${pageSize}`);
    if (field === "unified")
      return Object.keys(resources.unified ?? {}).map((file) => `${names[field]} ${file}`);
    return [names[field]];
  });
}
