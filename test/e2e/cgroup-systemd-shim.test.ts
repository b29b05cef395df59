import { describe } from "node:test";
import { cgroupCases } from "../harness/cgroup-cases.ts";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { isSystemd } from "../harness/kubelet-cgroups.ts";
import { isRoot, privileged } from "../harness/privileged.ts";
import { shimHandler } from "../harness/shim-handler.ts";

const isFit = cgroupVersion === 2 && isSystemd;
const unfit =
  isRoot && !isFit ? { skip: "NOT RUN: needs systemd as the first process, and cgroup v2" } : privileged;

describe("cgroup v2 by systemd, on runc's shim", unfit, () => {
  cgroupCases(shimHandler, "systemd");
});
