import { posix } from "node:path";
import type { OciCpu, OciResources } from "../../spec/oci-runtime.ts";
import type { CgroupLimits } from "../../stats/limits.ts";
import type { LimitsReader } from "../../stats/read-limits.ts";
import type { ContainerRecord } from "../state.ts";
import { actualResources } from "./actual-resources.ts";

/** The limits that a change would replace, in the form of a change that brings them back. Read before it is made. */
export function previousResources(
  change: OciResources,
  record: ContainerRecord,
  limits: LimitsReader,
): OciResources {
  const { cgroup } = record;
  const found = limits.read(cgroup);
  const cpu = present<OciCpu>({
    shares: change.cpu?.shares && (found.cpuShares ?? actualResources(record, limits).cpuShares ?? 1024),
    quota: change.cpu?.quota && found.cpuQuotaUs,
    // Either without the other may not fit: the kernel refuses a quota of more than the period has.
    period: (change.cpu?.period ?? change.cpu?.quota) && found.cpuPeriodUs,
    cpus: change.cpu?.cpus && ownOrParents("cpusetCpus", cgroup, found, limits),
    mems: change.cpu?.mems && ownOrParents("cpusetMems", cgroup, found, limits),
  });
  const memory = present({
    limit: change.memory?.limit && found.memoryLimit,
    swap: change.memory?.swap && found.memorySwapLimit,
  });
  const hugepageLimits = (change.hugepageLimits ?? []).flatMap(({ pageSize }) => {
    const limit = limits.hugepages(cgroup, pageSize)?.limit;
    return limit === undefined ? [] : [{ pageSize, limit }];
  });
  const unified = present(
    Object.fromEntries(Object.keys(change.unified ?? {}).map((name) => [name, limits.unified(cgroup, name)])),
  );
  return {
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(memory).length === 0 ? {} : { memory }),
    ...(hugepageLimits.length === 0 ? {} : { hugepageLimits }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
  };
}

/** With v2, a group that was given none of its own has an empty list, which can't be asked for again. */
function ownOrParents(
  field: "cpusetCpus" | "cpusetMems",
  cgroup: string,
  found: CgroupLimits,
  limits: LimitsReader,
): string | undefined {
  if (found[field] !== "") return found[field];
  const name = field === "cpusetCpus" ? "cpuset.cpus.effective" : "cpuset.mems.effective";
  return limits.unified(posix.dirname(cgroup), name);
}

function present<T extends object>(
  fields: { readonly [Field in keyof T]: T[Field] | undefined | "" | 0 },
): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => Boolean(value))) as T;
}
