import { Fault } from "../../base/fault.ts";

/** In the order of IOPrioClass; the next two in those of LinuxSchedulerPolicy and LinuxSchedulerFlag. */
export const ioClasses = ["none", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"] as const;
export const schedulers = [
  "none",
  "SCHED_OTHER",
  "SCHED_FIFO",
  "SCHED_RR",
  "SCHED_BATCH",
  "SCHED_ISO",
  "SCHED_IDLE",
  "SCHED_DEADLINE",
] as const;
export const schedulerFlags = [
  "SCHED_FLAG_RESET_ON_FORK",
  "SCHED_FLAG_RECLAIM",
  "SCHED_FLAG_DL_OVERRUN",
  "SCHED_FLAG_KEEP_POLICY",
  "SCHED_FLAG_KEEP_PARAMS",
  "SCHED_FLAG_UTIL_CLAMP_MIN",
  "SCHED_FLAG_UTIL_CLAMP_MAX",
] as const;

/** What a number of one of NRI's enumerations means. @throws {Fault} invalid, with the field, for one that is not in `names` */
export function nameIn<Name>(names: readonly Name[], value: number, field: string): Name {
  const name = names[value];
  if (name === undefined) throw new Fault("invalid", `NRI: ${field}: ${value} is not a value of this field`);
  return name;
}

/** The number of a name, for plugins; undefined for one that they don't know. */
export function numberOf<Value extends number>(names: readonly string[], name: string): Value | undefined {
  const index = names.indexOf(name);
  return index < 0 ? undefined : (index as Value);
}
