import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import { cgroupPath, cgroupVersion, lacksCpusets } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { exited, type MadePod, podConfig, removePod, runContainer, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const allowed = [
  "cpu-quota.crio.io",
  "cpu-load-balancing.crio.io",
  "cpu-c-states.crio.io",
  "cpu-shared.crio.io",
];
const quota = { v1: "cpu/cpu.cfs_quota_us", v2: "cpu.max" };
const balancing = { v1: "cpuset/cpuset.sched_load_balance", v2: "cpuset.cpus.partition" };
const unlimited = cgroupVersion === 2 ? "max" : "-1";
const tooFew = availableParallelism() > 1 ? false : "NOT RUN: this machine has one processor";
const noV1Cpusets = existsSync("/sys/fs/cgroup/cpuset/cpuset.sched_load_balance")
  ? false
  : "NOT RUN: there are no cpusets of cgroup v1 here";

const latency = "/sys/devices/system/cpu/cpu0/power/pm_qos_resume_latency_us";
/** Nobody else goes by a guest's processors. */
const notMine =
  process.env.BERTH_TEST_SET_CLOCK !== undefined &&
  cgroupVersion === 2 &&
  !lacksCpusets &&
  existsSync(latency)
    ? false
    : "NOT RUN: that is how this machine's processors sleep; `make test-guest`, with --machine qemu, has one to try it on";

describe("containers with processors of their own", privileged, () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc" });
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    const list = allowed.map((name) => `"${name}"`).join(", ");
    writeFileSync(
      join(dropIns, "processors.toml"),
      `[runtime]\nsharedCpus = "1"\n[runtime.handlers.fast]\nbinary = "runc"\nallowedAnnotations = [${list}]\n`,
    );
    await daemon.stop();
    await daemon.launch();
    await importBusybox(daemon);
  });
  after(() => endDaemon(daemon));

  async function run(name: string, annotations: Record<string, string>): Promise<MadePod> {
    const config = podConfig(daemon, name, { annotations });
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "fast" });
    return { id: podSandboxId, config };
  }
  const start = (pod: MadePod, resources: Partial<LinuxContainerResources>) =>
    runContainer(
      daemon,
      pod,
      shellConfig("main", busyboxImage, "exec sleep 1000", {
        linux: { resources: LinuxContainerResources.create({ cpuShares: 1024n, ...resources }) },
      }),
    );
  const podGroup = ({ id }: MadePod) => join(daemon.workspace.cgroupParent, id);
  const has = (cgroup: string, file: typeof quota) => readFileSync(cgroupPath(cgroup, file), "latin1").trim();

  test("their time is not limited, nor their pod's, nor after a change of their resources", async () => {
    const pod = await run("quota", { "cpu-quota.crio.io": "disable" });
    writeFileSync(cgroupPath(podGroup(pod), quota), "90000");
    const limits = { cpuPeriod: 100_000n, cpuQuota: 100_000n };
    const id = await start(pod, limits);
    const group = join(podGroup(pod), id);
    const both = () => [podGroup(pod), group].map((each) => has(each, quota).split(" ")[0]);
    assert.deepEqual(both(), [unlimited, unlimited]);
    const linux = LinuxContainerResources.create({ ...limits, cpuShares: 2048n });
    await daemon.pods.updateContainerResources({ containerId: id, linux, annotations: {} });
    assert.deepEqual(both(), [unlimited, unlimited]);
    const usual = await run("limited", {});
    const limited = await start(usual, limits);
    assert.match(has(join(podGroup(usual), limited), quota), /^100000/);
    for (const { id: each } of [pod, usual]) await removePod(daemon, each);
  });

  test("they may have some besides that others have, too", { skip: noV1Cpusets || tooFew }, async () => {
    const pod = await run("shared", { "cpu-shared.crio.io/main": "enable" });
    const id = await start(pod, { cpusetCpus: "0", cpuPeriod: 100_000n, cpuQuota: 100_000n });
    const cpus = { v1: "cpuset/cpuset.cpus", v2: "cpuset.cpus" };
    const group = join(podGroup(pod), id);
    assert.deepEqual([has(group, cpus), has(group, quota)], ["0-1", "-1"]);
    const linux = LinuxContainerResources.create({ cpusetCpus: "0" });
    await daemon.pods.updateContainerResources({ containerId: id, linux, annotations: {} });
    assert.equal(has(group, cpus), "0-1", "a kubelet names the container's own again and again");
    const cmd = ["/bin/sh", "-c", "echo $OPENSHIFT_ISOLATED_CPUS $OPENSHIFT_SHARED_CPUS"];
    const { stdout } = await daemon.pods.execSync({ containerId: id, cmd, timeout: 10n });
    assert.equal(stdout.toString(), "0 1\n");
    await removePod(daemon, pod.id);
  });

  test("they sleep no deeper than asked for, and as before once it has ended, over a kill of the daemon", {
    skip: notMine,
  }, async () => {
    const before = readFileSync(latency, "utf8");
    const pod = await run("sleep", { "cpu-c-states.crio.io": "max_latency:25" });
    const id = await start(pod, { cpusetCpus: "0" });
    assert.equal(readFileSync(latency, "utf8"), "25\n");
    await daemon.kill();
    await daemon.launch();
    await daemon.pods.stopContainer({ containerId: id, timeout: 0n });
    await exited(daemon, id);
    assert.equal(readFileSync(latency, "utf8"), before);
    await removePod(daemon, pod.id);
  });

  test("a kernel that can't take single groups out of balancing says since when that is", {
    skip: notMine || (existsSync("/sys/fs/cgroup/init.scope/cpuset.cpus.exclusive") && "this one can"),
  }, async () => {
    const pod = await run("none", { "cpu-load-balancing.crio.io": "disable" });
    await assert.rejects(start(pod, { cpusetCpus: "0" }), /no cpuset\.cpus\.exclusive.*from Linux 6\.7 on/s);
    await removePod(daemon, pod.id);
  });

  test("the scheduler leaves their processors alone, over a kill of the daemon", {
    skip: noV1Cpusets,
  }, async () => {
    const pod = await run("balancing", { "cpu-load-balancing.crio.io/main": "disable" });
    const id = await start(pod, { cpusetCpus: "0" });
    assert.equal(has(join(podGroup(pod), id), balancing), "0");
    const note = join(daemon.workspace.state, "processors", id);
    assert.ok(existsSync(note), "what is to be brought back is noted");
    await daemon.kill();
    await daemon.launch();
    await daemon.pods.stopContainer({ containerId: id, timeout: 0n });
    await exited(daemon, id);
    assert.equal(existsSync(note), false);
    await removePod(daemon, pod.id);
  });
});
