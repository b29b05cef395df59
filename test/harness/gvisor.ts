import { lacksCpusets } from "./cgroup-file.ts";

/** Why gVisor can't run here; false: nothing is known against it. */
export const noGvisor = lacksCpusets
  ? "NOT RUN: runsc insists on the cgroup controller cpuset, which this kernel does not have"
  : false;
