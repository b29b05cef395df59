import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Cgroups } from "../../src/linux/contract.ts";
import { within } from "../../src/runtime/enter-cgroup.ts";
import { runProgram } from "../harness/command.ts";
import { eventually } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { hostRunsSystemd, Systemd, unitDirectory } from "../harness/systemd.ts";

/** As berth sees the tree of that systemd. */
const cgroups = {
  version: 2,
  directories: (cgroup: string) => new Map([["unified", join("/sys/fs/cgroup", cgroup)]]),
} as Pick<Cgroups, "version" | "directories"> as Cgroups;

describe("a monitor's scope, with a real systemd", privileged, () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-scope-"));
  let systemd: Systemd;

  before(async () => {
    systemd = await Systemd.start(directory);
    if (hostRunsSystemd()) return;
    for (const unit of ["dbus.socket", "dbus.service"])
      await systemd.inside("cp", join("/lib/systemd/system", unit), unitDirectory);
    await systemd.inside("systemctl", "daemon-reload");
    const started = await systemd.inside("systemctl", "start", "dbus.socket", "dbus.service");
    assert.equal(started.code, 0, started.stderr);
  });

  after(async () => {
    await systemd.inside("systemctl", "stop", "berth_scope.slice");
    await systemd[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** Enters the group and says, half a second later, which one it is in. */
  async function enter(cgroup: string): Promise<string> {
    const command = ["sh", "-c", "sleep 0.5; tail -n 1 /proc/self/cgroup"];
    const { code, stdout, stderr } = await runProgram(systemd.within(within(cgroup, command, cgroups)));
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  test("monitors that begin at once get one scope, each its pod's group, again and again", async () => {
    const groups = [1, 2, 3, 4].map((pod) => `/berth_scope.slice/berth_scope-monitors.scope/pod${pod}`);
    for (let round = 0; round < 3; round++) {
      const entered = await Promise.all(groups.map(enter));
      assert.deepEqual(
        entered,
        groups.map((group) => `0::${group}`),
      );
    }
  });

  test("a scope of a pod's own is made for it, and goes with its last process", async () => {
    const scope = "/berth_scope.slice/berth_scope-pod.slice/crio-pod.scope";
    assert.equal(await enter(scope), `0::${scope}`);
    await eventually("all scopes to be gone", 10_000, async () => {
      const { stdout } = await systemd.inside(
        "systemctl",
        "list-units",
        "--all",
        "--no-legend",
        "crio-pod.scope",
      );
      return stdout === "" ? true : undefined;
    });
  });
});
