import { Fault } from "../../base/fault.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { OciCpu, OciMemory, OciResources } from "../../spec/oci-runtime.ts";
import type { HostFacts } from "./input.ts";

/** What the resources of a container depend on. */
export type ResourceHost = Pick<HostFacts, "cgroupVersion" | "hugepageSizes" | "swap">;

/**
 * The CRI's resources as the OCI has them, for a new container and for an update of one. Only what was set is there.
 *
 * Memory and swap together are limited to the memory limit unless asked otherwise: no swap, where swap is accounted.
 * Limits for huge pages of a size that the host doesn't have or control are left out: the kubelet sends them anyway.
 *
 * @throws {Fault} invalid for limits that contradict each other, and for cgroup v2 files on a v1 host
 */
export function ociResources(wanted: LinuxResources, host: ResourceHost): OciResources {
  const cpu = ociCpu(wanted);
  const memory = ociMemory(wanted, host);
  const unified = wanted.unified ?? {};
  requireUnified(unified, "config.linux.resources.unified", host);
  const hugepageLimits = (wanted.hugepageLimits ?? []).filter(({ pageSize }) =>
    host.hugepageSizes.has(pageSize),
  );
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
  };
}

/** Resources with more files of cgroup v2, which are stronger. */
export function withUnified(
  resources: LinuxResources,
  unified: Readonly<Record<string, string>> | undefined,
): LinuxResources {
  return unified === undefined ? resources : { ...resources, unified: { ...resources.unified, ...unified } };
}

/**
 * The same for a new container. Its group has no quota as it is made: one of -1 is left out, as crun 1.8 takes that for
 * 2^64 - 1 with cgroup v1.
 */
export function newOciResources(wanted: LinuxResources, host: ResourceHost): OciResources {
  const { cpuQuotaUs, ...rest } = wanted;
  return ociResources(cpuQuotaUs === undefined || cpuQuotaUs < 0 ? rest : wanted, host);
}

function ociCpu({
  cpuShares,
  cpuQuotaUs,
  cpuPeriodUs,
  cpusetCpus,
  cpusetMems,
}: LinuxResources): OciCpu | undefined {
  const cpu: OciCpu = {
    ...(cpuShares ? { shares: cpuShares } : {}),
    ...(cpuQuotaUs ? { quota: cpuQuotaUs } : {}),
    ...(cpuPeriodUs ? { period: cpuPeriodUs } : {}),
    ...(cpusetCpus ? { cpus: cpusetCpus } : {}),
    ...(cpusetMems ? { mems: cpusetMems } : {}),
  };
  return Object.keys(cpu).length === 0 ? undefined : cpu;
}

function ociMemory(
  { memoryLimit, memorySwapLimit }: LinuxResources,
  host: ResourceHost,
): OciMemory | undefined {
  if (
    memoryLimit &&
    memoryLimit > 0 &&
    memorySwapLimit &&
    memorySwapLimit > 0 &&
    memorySwapLimit < memoryLimit
  ) {
    throw new Fault(
      "invalid",
      `config.linux.resources.memorySwapLimitInBytes (${memorySwapLimit}) is below memoryLimitInBytes ` +
        `(${memoryLimit}), which it includes`,
    );
  }
  const swap = host.swap ? memorySwapLimit || memoryLimit : undefined;
  const memory: OciMemory = { ...(memoryLimit ? { limit: memoryLimit } : {}), ...(swap ? { swap } : {}) };
  return Object.keys(memory).length === 0 ? undefined : memory;
}

/** @throws {Fault} invalid, with `field`, for cgroup v2 files on a v1 host, and for what is no such file's name */
export function requireUnified(
  unified: Readonly<Record<string, string>>,
  field: string,
  { cgroupVersion }: Pick<ResourceHost, "cgroupVersion">,
): void {
  const files = Object.keys(unified);
  if (files.length > 0 && cgroupVersion === 1)
    throw new Fault("invalid", `${field} (${files.join(", ")}) needs cgroup v2; this host has v1`);
  const bad = files.find((file) => !/^[a-z0-9_]+(\.[A-Za-z0-9_-]+)+$/.test(file));
  if (bad !== undefined) throw new Fault("invalid", `${field}: "${bad}" is not the name of a cgroup file`);
}
