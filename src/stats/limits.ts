import type { Bytes } from "../base/units.ts";
import { type FileText, numberOf } from "./fields.ts";

/** The limits of one cgroup, as the kernel holds them. A field is absent when the kernel does not have it; -1: none. */
export interface CgroupLimits {
  /** v1; with v2 there is a weight. */
  readonly cpuShares?: number;
  /** v2, from 1 to 10000. */
  readonly cpuWeight?: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryLimit?: Bytes;
  /** Memory and swap together, as the CRI has it. */
  readonly memorySwapLimit?: Bytes;
  /** Linux list format; with v2 empty unless set. */
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
}

export const unlimited = -1;

/** The files of a v1 group, from the directories of several controllers. */
export interface LimitFilesV1 {
  readonly shares: FileText;
  readonly quota: FileText;
  readonly period: FileText;
  readonly memory: FileText;
  /** Of memory and swap together; absent where swap is not accounted. */
  readonly memsw: FileText;
}

/** The files of a v2 group. */
export interface LimitFilesV2 {
  readonly weight: FileText;
  readonly cpuMax: FileText;
  readonly memoryMax: FileText;
  readonly swapMax: FileText;
}

/** v1 says "no limit" as the largest number of whole pages; no machine has a thousandth of it. */
const v1Unlimited: Bytes = 2 ** 60;

export function parseLimitsV1(files: LimitFilesV1): CgroupLimits {
  const quota = files.quota?.trim();
  return present({
    cpuShares: numberOf(files.shares),
    cpuQuotaUs: quota === undefined ? undefined : Number(quota),
    cpuPeriodUs: numberOf(files.period),
    memoryLimit: limitV1(files.memory),
    memorySwapLimit: limitV1(files.memsw),
  });
}

function limitV1(text: FileText): Bytes | undefined {
  const limit = numberOf(text);
  return limit !== undefined && limit >= v1Unlimited ? unlimited : limit;
}

export function parseLimitsV2(files: LimitFilesV2): CgroupLimits {
  const [quota, period] = files.cpuMax?.trim().split(" ") ?? [];
  const memory = limitV2(files.memoryMax);
  return present({
    cpuWeight: numberOf(files.weight),
    cpuQuotaUs: limitV2(quota),
    cpuPeriodUs: numberOf(period),
    memoryLimit: memory,
    memorySwapLimit: together(memory, limitV2(files.swapMax)),
  });
}

function limitV2(text: FileText): number | undefined {
  return text?.trim() === "max" ? unlimited : numberOf(text);
}

function together(memory: Bytes | undefined, swap: Bytes | undefined): Bytes | undefined {
  if (memory === undefined || swap === undefined) return undefined;
  return memory === unlimited || swap === unlimited ? unlimited : memory + swap;
}

function present(
  limits: { readonly [Field in keyof CgroupLimits]: CgroupLimits[Field] | undefined },
): CgroupLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}
