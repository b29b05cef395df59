import { Field, type LinuxCPU, type LinuxMemory, type LinuxResources } from "../../wire/gen/nri.v1alpha1.ts";
import { fieldName } from "./owners.ts";
import { type Claims, collectValues } from "./sections.ts";

const memoryFields: readonly (readonly [keyof LinuxMemory, Field])[] = [
  ["limit", Field.FIELD_MEM_LIMIT],
  ["reservation", Field.FIELD_MEM_RESERVATION],
  ["swap", Field.FIELD_MEM_SWAP_LIMIT],
  ["kernel", Field.FIELD_MEM_KERNEL_LIMIT],
  ["kernelTcp", Field.FIELD_MEM_TCP_LIMIT],
  ["swappiness", Field.FIELD_MEM_SWAPPINESS],
  ["disableOomKiller", Field.FIELD_MEM_DISABLE_OOM_KILLER],
  ["useHierarchy", Field.FIELD_MEM_USE_HIERARCHY],
];
const cpuFields: readonly (readonly [keyof LinuxCPU, Field])[] = [
  ["shares", Field.FIELD_CPU_SHARES],
  ["quota", Field.FIELD_CPU_QUOTA],
  ["period", Field.FIELD_CPU_PERIOD],
  ["realtimeRuntime", Field.FIELD_CPU_REALTIME_RUNTIME],
  ["realtimePeriod", Field.FIELD_CPU_REALTIME_PERIOD],
  ["cpus", Field.FIELD_CPU_SET_CPUS],
  ["mems", Field.FIELD_CPU_SET_MEMS],
];
const otherFields: readonly (readonly [keyof LinuxResources, Field])[] = [
  ["blockioClass", Field.FIELD_BLOCKIO_CLASS],
  ["rdtClass", Field.FIELD_RDT_CLASS],
  ["pids", Field.FIELD_PIDS_LIMIT],
];

function emptyMemory(): LinuxMemory {
  return {
    limit: undefined,
    reservation: undefined,
    swap: undefined,
    kernel: undefined,
    kernelTcp: undefined,
    swappiness: undefined,
    disableOomKiller: undefined,
    useHierarchy: undefined,
  };
}

function emptyCpu(): LinuxCPU {
  return {
    shares: undefined,
    quota: undefined,
    period: undefined,
    realtimeRuntime: undefined,
    realtimePeriod: undefined,
    cpus: "",
    mems: "",
  };
}

export function emptyResources(): LinuxResources {
  return {
    memory: undefined,
    cpu: undefined,
    hugepageLimits: [],
    blockioClass: undefined,
    rdtClass: undefined,
    unified: {},
    devices: [],
    pids: undefined,
  };
}

/** Sets in every target what `answer` has. @throws {Fault} wrongState when another plugin has set it */
export function collectResources(
  answer: LinuxResources,
  targets: readonly LinuxResources[],
  claims: Claims,
): void {
  const memories = targets.map((target) => (target.memory ??= emptyMemory()));
  collectValues(answer.memory, memories, memoryFields, claims);
  const cpus = targets.map((target) => (target.cpu ??= emptyCpu()));
  collectValues(answer.cpu, cpus, cpuFields, claims);
  collectValues(answer, targets, otherFields, claims);
  for (const limit of answer.hugepageLimits) {
    claims.claim(Field.FIELD_HUGEPAGE_LIMITS, limit.pageSize);
    for (const target of targets) {
      const others = target.hugepageLimits.filter(({ pageSize }) => pageSize !== limit.pageSize);
      target.hugepageLimits = [...others, limit];
    }
  }
  for (const [file, value] of Object.entries(answer.unified)) {
    claims.claim(Field.FIELD_CGROUPS_UNIFIED, file);
    for (const target of targets) target.unified[file] = value;
  }
  for (const target of targets) target.devices = [...target.devices, ...answer.devices];
}

/** What they set, in words. */
export function namesOf(resources: LinuxResources): string[] {
  const names: string[] = [];
  const ignore = () => undefined;
  const note = (field: Field, key = "") => void names.push(fieldName(field, key));
  collectResources(resources, [], { claim: note, clear: ignore, share: ignore });
  return names;
}
