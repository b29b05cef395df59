import { existsSync, readFileSync } from "node:fs";

const controllers = "/sys/fs/cgroup/cgroup.controllers";

/** Why gVisor can't run here; false: nothing is known against it. */
export const noGvisor =
  existsSync(controllers) && !readFileSync(controllers, "latin1").split(/\s/).includes("cpuset")
    ? "NOT RUN: runsc insists on the cgroup controller cpuset, which this kernel does not have"
    : false;
