import type { LinuxContainerResources } from "../wire/gen/runtime.v1.ts";

type Row = readonly [name: string, value: string];
type Limits = Readonly<Record<string, unknown>>;

/**
 * The limits of a container for people, those that are in force; beside each what was asked for last, where that is not
 * the same. `asked` is what the info value of a status has of it; other runtimes than berth don't tell.
 */
export function limitRows(linux: LinuxContainerResources | undefined, asked: unknown): Row[] {
  if (linux === undefined) return [];
  const inForce = textsOf(limitsOf(linux));
  const wanted = isLimits(asked) ? textsOf(asked) : inForce;
  return Object.entries(inForce).map(([name, text]) => {
    const other = wanted[name] ?? "";
    return [
      name,
      other === text
        ? text
        : `${text || "none"}${other === "" ? " (none was asked for)" : ` (asked for: ${other})`}`,
    ];
  });
}

function isLimits(value: unknown): value is Limits {
  return typeof value === "object" && value !== null;
}

/** In the names that berth's own record has; zero is not set. */
function limitsOf(linux: LinuxContainerResources): Limits {
  const number = (value: bigint) => (value === 0n ? undefined : Number(value));
  return {
    cpuQuotaUs: number(linux.cpuQuota),
    cpuPeriodUs: number(linux.cpuPeriod),
    cpuShares: number(linux.cpuShares),
    memoryLimit: number(linux.memoryLimitInBytes),
    memorySwapLimit: number(linux.memorySwapLimitInBytes),
    cpusetCpus: linux.cpusetCpus,
    cpusetMems: linux.cpusetMems,
    oomScoreAdj: Number(linux.oomScoreAdj),
    unified: linux.unified,
  };
}

function textsOf(limits: Limits): Record<string, string> {
  const unified = isLimits(limits.unified) ? Object.entries(limits.unified) : [];
  return {
    "cpu limit": cores(numberIn(limits, "cpuQuotaUs"), numberIn(limits, "cpuPeriodUs")),
    "cpu shares": String(numberIn(limits, "cpuShares") ?? ""),
    "memory limit": bytes(numberIn(limits, "memoryLimit")),
    "memory and swap": bytes(numberIn(limits, "memorySwapLimit")),
    processors: String(limits.cpusetCpus ?? ""),
    "memory nodes": String(limits.cpusetMems ?? ""),
    "oom score": String(numberIn(limits, "oomScoreAdj") ?? ""),
    ...Object.fromEntries(unified.map(([file, value]) => [file, String(value)])),
  };
}

function numberIn(limits: Limits, name: string): number | undefined {
  const value = limits[name];
  return typeof value === "number" ? value : undefined;
}

/** The kernel's period, where none is told. */
const usualPeriodUs = 100_000;

function cores(quota: number | undefined, period: number = usualPeriodUs): string {
  if (quota === undefined) return "";
  return quota < 0 ? "none" : `${Number((quota / period).toFixed(3))} cores`;
}

/** As Kubernetes has it in a pod's spec. */
function bytes(value: number | undefined): string {
  if (value === undefined) return "";
  if (value < 0) return "none";
  const units = ["", "Ki", "Mi", "Gi", "Ti"];
  let unit = 0;
  let whole = value;
  for (; whole >= 1024 && whole % 1024 === 0 && unit < units.length - 1; unit++) whole /= 1024;
  return `${whole}${units[unit]}`;
}
