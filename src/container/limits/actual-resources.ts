import { posix } from "node:path";
import { sameNumbers } from "../../base/number-list.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import { type CgroupLimits, unlimited } from "../../stats/limits.ts";
import type { LimitsReader } from "../../stats/read-limits.ts";
import { readSmallFile } from "../../stats/small-file.ts";
import type { ContainerRecord } from "../state.ts";
import { sharesOfWeight, weightsOfShares } from "./cpu-weight.ts";

/** What the kernel has where nobody set anything. */
const kernelDefaults = { cpuShares: 1024, cpuWeight: 100, cpuPeriodUs: 100_000 };
/** The kernel keeps limits of memory in whole pages, of 64 KiB at most. */
const largestPage = 64 << 10;

/**
 * The resources of a container that lives as the kernel holds them, whoever set them: what was asked for is told where it
 * means what the kernel has, as there is more than one way to write most limits; else the kernel's own. Of one that has
 * ended: what was asked for last.
 */
export function actualResources(record: ContainerRecord, limits: LimitsReader): LinuxResources {
  const { state, resources: asked, cgroup } = record;
  if (state.kind !== "created" && state.kind !== "running") return asked;
  const found = limits.read(cgroup);
  const isAsked = asked.cpusetCpus !== undefined && asked.cpusetMems !== undefined;
  const parent = isAsked ? {} : limits.cpuset(posix.dirname(cgroup));
  return withoutAbsent({
    ...asked,
    ...cpu(asked, found),
    ...memory(asked, found),
    cpusetCpus: cpuset("cpusetCpus", asked, found, parent),
    cpusetMems: cpuset("cpusetMems", asked, found, parent),
    hugepageLimits: hugepages(asked, cgroup, limits),
    unified: unified(asked, cgroup, limits),
    oomScoreAdj: oomScoreAdj(state.process.init.pid) ?? asked.oomScoreAdj,
  });
}

type Resources = { readonly [Field in keyof LinuxResources]: LinuxResources[Field] | undefined };

function withoutAbsent(resources: Resources): LinuxResources {
  return Object.fromEntries(Object.entries(resources).filter(([, value]) => value !== undefined));
}

/** `asked` where it means what was found, or nothing was found; absent where nobody asked and the kernel has its default. */
function told<T>(
  asked: T | undefined,
  found: T | undefined,
  byDefault: T,
  means: (asked: T, found: T) => boolean,
): T | undefined {
  if (found === undefined) return asked;
  if (asked === undefined) return found === byDefault ? undefined : found;
  return means(asked, found) ? asked : found;
}

const same = (asked: unknown, found: unknown) => asked === found;

function cpu(asked: LinuxResources, found: CgroupLimits): Resources {
  return {
    cpuShares: shares(asked.cpuShares, found),
    cpuQuotaUs: told(asked.cpuQuotaUs, found.cpuQuotaUs, unlimited, same),
    cpuPeriodUs: told(asked.cpuPeriodUs, found.cpuPeriodUs, kernelDefaults.cpuPeriodUs, same),
  };
}

function shares(asked: number | undefined, { cpuShares, cpuWeight }: CgroupLimits): number | undefined {
  if (cpuWeight === undefined) return told(asked, cpuShares, kernelDefaults.cpuShares, same);
  if (asked !== undefined && weightsOfShares(asked).includes(cpuWeight)) return asked;
  if (asked === undefined && cpuWeight === kernelDefaults.cpuWeight) return undefined;
  return sharesOfWeight(cpuWeight);
}

function memory(asked: LinuxResources, { memoryLimit, memorySwapLimit }: CgroupLimits): Resources {
  if (memoryLimit === undefined) return {};
  return {
    memoryLimit: told(asked.memoryLimit, memoryLimit, unlimited, samePages),
    // Without swap accounting there is no such limit, whatever was asked for.
    memorySwapLimit:
      memorySwapLimit === undefined
        ? undefined
        : told(asked.memorySwapLimit, memorySwapLimit, memoryLimit, samePages),
  };
}

function samePages(asked: number, found: number): boolean {
  return found <= asked && asked - found < largestPage && asked >= 0 === found >= 0;
}

/** v1 has the parent's in a group that was given none of its own. */
function cpuset(
  field: "cpusetCpus" | "cpusetMems",
  asked: LinuxResources,
  found: CgroupLimits,
  parent: CgroupLimits,
): string | undefined {
  const { [field]: wanted } = asked;
  const { [field]: has } = found;
  if (has === undefined) return wanted;
  if (wanted !== undefined && sameNumbers(wanted, has)) return wanted;
  return has === "" || (wanted === undefined && has === parent[field]) ? undefined : has;
}

/** Limits of sizes that the kernel does not control are not in force. */
function hugepages(
  { hugepageLimits }: LinuxResources,
  cgroup: string,
  limits: LimitsReader,
): LinuxResources["hugepageLimits"] {
  const inForce = (hugepageLimits ?? []).flatMap(({ pageSize }) => {
    const found = limits.hugepages(cgroup, pageSize);
    return found === undefined ? [] : [{ pageSize, limit: found.limit }];
  });
  return inForce.length === 0 ? undefined : inForce;
}

function unified(
  { unified: asked }: LinuxResources,
  cgroup: string,
  limits: LimitsReader,
): LinuxResources["unified"] {
  if (asked === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(asked).map(([name, value]) => [name, limits.unified(cgroup, name) ?? value]),
  );
}

function oomScoreAdj(pid: number): number | undefined {
  const text = readSmallFile(`/proc/${pid}/oom_score_adj`);
  return text === undefined ? undefined : Number(text);
}
