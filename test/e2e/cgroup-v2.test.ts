import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { cgroupCases } from "../harness/cgroup-cases.ts";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { cgroupFile, isSystemd } from "../harness/kubelet-cgroups.ts";
import { isRoot, privileged } from "../harness/privileged.ts";

const unfit = isRoot && cgroupVersion === 1 ? { skip: "NOT RUN: needs cgroup v2 alone" } : privileged;

for (const runtime of ["crun", "runc"] as const) {
  describe(`cgroup v2 by hand, on ${runtime}`, unfit, () => {
    const suite = cgroupCases(runtime, "cgroupfs");

    test("each level passes on its controllers", () => {
      const controllers = cgroupFile("/", "cgroup.controllers");
      const { cgroupParent } = suite.daemon.workspace;
      for (const level of ["/", cgroupParent, suite.cgroup.path])
        assert.equal(cgroupFile(level, "cgroup.subtree_control"), controllers, level);
    });

    test("the doctor says what this driver means beside systemd", async () => {
      const { stdout } = await suite.daemon.command("doctor");
      const init = readFileSync("/proc/1/comm", "utf8").trim();
      assert.match(
        stdout,
        isSystemd ? /the cgroup driver is cgroupfs beside systemd/ : /cgroup driver cgroupfs/,
        init,
      );
    });
  });
}
