import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { CgroupDriver, LinuxContainerResources, type PsiStats } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "./daemon.ts";
import { endDaemon } from "./end-daemon.ts";
import { busyboxImage, importBusybox } from "./images.ts";
import { cgroupFile, cgroupOfProcess, KubeletCgroup, limitPodMemory } from "./kubelet-cgroups.ts";
import {
  eventually,
  exited,
  type MadePod,
  podConfig,
  removePod,
  runContainer,
  runPod,
  shellConfig,
  whileStill,
} from "./pods.ts";
import { shimHandler, shimHandlerConfig } from "./shim-handler.ts";
import type { CgroupDriver as DriverName } from "./workspace.ts";

const MiB = 1n << 20n;
/** Doubles a variable until the memory is used up. */
const hungry = "x=a; while :; do x=$x$x$x$x; done";

/** What the tests of a suite work with, once it has begun. */
export interface CgroupSuite {
  daemon: TestDaemon;
  pod: MadePod;
  cgroup: KubeletCgroup;
}

/** Tests of cgroup v2 with a driver and a runtime, in a pod whose cgroup a kubelet would have made. */
export function cgroupCases(handler: "crun" | "runc" | typeof shimHandler, driver: DriverName): CgroupSuite {
  const suite = {} as CgroupSuite;

  before(async () => {
    const runtime = handler === "crun" ? "crun" : "runc";
    const options = { runtime, cgroupDriver: driver } as const;
    const underShim = { ...options, handler, extraConfig: shimHandlerConfig };
    suite.daemon = await TestDaemon.start(handler === shimHandler ? underShim : options);
    await importBusybox(suite.daemon);
    suite.cgroup = KubeletCgroup.make(suite.daemon, "1234_5678");
    const { securityContext } = podConfig(suite.daemon, "kubelets").linux ?? {};
    suite.pod = await runPod(suite.daemon, "kubelets", {
      linux: { cgroupParent: suite.cgroup.path, securityContext },
    });
  });

  after(async () => {
    await removePod(suite.daemon, suite.pod.id);
    suite.cgroup.remove();
    await endDaemon(suite.daemon);
  });

  /** A container's id, its first process, and where the kernel has that. */
  async function running(name: string, script: string, resources: Partial<LinuxContainerResources> = {}) {
    const linux = { resources: LinuxContainerResources.create(resources) };
    const config = shellConfig(name, busyboxImage, script, { linux });
    const id = await runContainer(suite.daemon, suite.pod, config);
    const { info } = await suite.daemon.pods.containerStatus({ containerId: id, verbose: true });
    const { pid, cgroup } = JSON.parse(info.info ?? "");
    return { id, pid: Number(pid), cgroup: String(cgroup), actual: cgroupOfProcess(pid) };
  }

  test("the kubelet is told the driver, and the container is where it says", async () => {
    const { linux } = await suite.daemon.pods.runtimeConfig({});
    assert.equal(linux?.cgroupDriver, driver === "systemd" ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS);
    const { id, cgroup, actual } = await running("place", "sleep 999");
    const name = driver === "systemd" ? `berth-${id}.scope` : id;
    assert.equal(cgroup, `${suite.cgroup.path}/${name}`);
    assert.ok(actual === cgroup || actual === `${cgroup}/container`, actual);
    await suite.daemon.pods.removeContainer({ containerId: id });
  });

  test("limits of all kinds are in the kernel's files, at the start and after a resize", async () => {
    const hasIoWeight = existsSync(`/sys/fs/cgroup${suite.cgroup.path}/io.weight`);
    const all = has("cpuset") ? cgroupFile("/", "cpuset.cpus.effective") : "0";
    const { id, actual } = await running("limits", "sleep 999", {
      cpuShares: 512n,
      cpuQuota: 50_000n,
      cpuPeriod: 100_000n,
      ...(has("cpuset") ? { cpusetCpus: "0" } : {}),
      memoryLimitInBytes: 64n * MiB,
      memorySwapLimitInBytes: 80n * MiB,
      hugepageLimits: [{ pageSize: "2MB", limit: 4n * MiB }],
      unified: {
        "memory.high": String(48n * MiB),
        "memory.low": String(4n * MiB),
        "memory.oom.group": "1",
        "pids.max": "77",
        ...(hasIoWeight ? { "io.weight": "default 50" } : {}),
      },
    });
    const first = {
      "cpu.weight": "20",
      "cpu.max": "50000 100000",
      ...(has("cpuset") ? { "cpuset.cpus": "0" } : {}),
      "memory.max": String(64n * MiB),
      "memory.swap.max": String(16n * MiB),
      "memory.high": String(48n * MiB),
      "memory.low": String(4n * MiB),
      "memory.oom.group": "1",
      "pids.max": "77",
      ...(hasIoWeight ? { "io.weight": "default 50" } : {}),
      ...(has("hugetlb") ? { "hugetlb.2MB.max": String(4n * MiB) } : {}),
    };
    const holds = () =>
      Object.fromEntries(Object.keys(first).map((name) => [name, cgroupFile(actual, name)]));
    assert.deepEqual(holds(), first);
    const told = async () =>
      (await suite.daemon.pods.containerStatus({ containerId: id, verbose: false })).status?.resources?.linux;
    assert.equal((await told())?.memoryLimitInBytes, 64n * MiB);
    const linux = LinuxContainerResources.create({
      cpuShares: 1024n,
      cpuQuota: 20_000n,
      cpuPeriod: 50_000n,
      ...(has("cpuset") ? { cpusetCpus: all } : {}),
      memoryLimitInBytes: 96n * MiB,
      unified: { "memory.high": "max", "pids.max": "88" },
    });
    await suite.daemon.pods.updateContainerResources({ containerId: id, linux });
    assert.deepEqual(holds(), {
      ...first,
      "cpu.weight": "39",
      "cpu.max": "20000 50000",
      ...(has("cpuset") ? { "cpuset.cpus": all } : {}),
      "memory.max": String(96n * MiB),
      "memory.high": "max",
      "pids.max": "88",
    });
    const now = await told();
    assert.deepEqual(
      [now?.cpuShares, now?.cpuQuota, now?.memoryLimitInBytes, now?.memorySwapLimitInBytes],
      [1024n, 20_000n, 96n * MiB, 112n * MiB],
    );
    assert.equal(now?.cpusetCpus, has("cpuset") ? all : "");
    await suite.daemon.pods.removeContainer({ containerId: id });
  });

  test("statistics are what the files say, with pressure; a pod's are its own", async () => {
    const script = "held=$(head -c 4194304 /dev/zero | tr '\\0' a); while :; do sleep 999; done";
    const { id, actual } = await running("figures", script, { memoryLimitInBytes: 64n * MiB });
    const look = (cgroup: string) => () => ({
      cpu: /^usage_usec (\d+)$/m.exec(cgroupFile(cgroup, "cpu.stat"))?.[1],
      memory: cgroupFile(cgroup, "memory.current"),
      inactive: /^inactive_file (\d+)$/m.exec(cgroupFile(cgroup, "memory.stat"))?.[1],
      swap: cgroupFile(cgroup, "memory.swap.current"),
      cpuPressure: totalsOf(cgroup, "cpu.pressure"),
      memoryPressure: totalsOf(cgroup, "memory.pressure"),
      ioPressure: totalsOf(cgroup, "io.pressure"),
    });
    const [kernel, { stats }] = await whileStill(look(actual), () =>
      suite.daemon.pods.containerStats({ containerId: id }),
    );
    assert.equal(stats?.cpu?.usageCoreNanoSeconds?.value, BigInt(kernel.cpu ?? -1) * 1000n);
    assert.equal(stats?.memory?.usageBytes?.value, BigInt(kernel.memory));
    const workingSet = BigInt(kernel.memory) - BigInt(kernel.inactive ?? -1);
    assert.equal(stats?.memory?.workingSetBytes?.value, workingSet);
    assert.equal(stats?.memory?.availableBytes?.value, 64n * MiB - workingSet, "what is left of its limit");
    assert.equal(stats?.swap?.swapUsageBytes?.value, BigInt(kernel.swap));
    assert.equal(stats?.swap?.swapAvailableBytes?.value, 0n, "none, as its limit is for both together");
    assert.deepEqual(told(stats?.cpu?.psi), kernel.cpuPressure);
    assert.deepEqual(told(stats?.memory?.psi), kernel.memoryPressure);
    assert.deepEqual(told(stats?.io?.psi), kernel.ioPressure);
    const [ofPod, { stats: podStats }] = await whileStill(look(suite.cgroup.path), () =>
      suite.daemon.pods.podSandboxStats({ podSandboxId: suite.pod.id }),
    );
    assert.equal(podStats?.linux?.cpu?.usageCoreNanoSeconds?.value, BigInt(ofPod.cpu ?? -1) * 1000n);
    assert.equal(podStats?.linux?.memory?.usageBytes?.value, BigInt(ofPod.memory));
    assert.deepEqual(told(podStats?.linux?.io?.psi), ofPod.ioPressure);
    const { podMetrics } = await suite.daemon.pods.listPodSandboxMetrics({});
    const mine = podMetrics
      .flatMap(({ containerMetrics }) => containerMetrics)
      .find(({ containerId }) => containerId === id);
    const value = (name: string) => mine?.metrics.find((metric) => metric.name === name)?.value?.value;
    assert.equal(value("container_spec_memory_limit_bytes"), 64n * MiB);
    await suite.daemon.pods.removeContainer({ containerId: id });
  });

  test("what is killed for memory is told so: the first process, or one with all others", async () => {
    const memoryLimitInBytes = 16n * MiB;
    const first = await running("first", hungry, { memoryLimitInBytes });
    const group = { memoryLimitInBytes, unified: { "memory.oom.group": "1" } };
    const whole = await running("whole", `sh -c '${hungry}'; sleep 999`, group);
    for (const { id } of [first, whole]) {
      const { exitCode, reason } = await exited(suite.daemon, id, 60_000);
      assert.deepEqual([exitCode, reason], [137, "OOMKilled"]);
    }
    // Killed by others, in a pod in which memory has run out before.
    const other = await running("other", "sleep 999", group);
    await suite.daemon.pods.stopContainer({ containerId: other.id, timeout: 0n });
    const { exitCode, reason } = await exited(suite.daemon, other.id);
    assert.deepEqual([exitCode, reason], [137, "Error"]);
    for (const { id } of [first, whole, other]) await suite.daemon.pods.removeContainer({ containerId: id });
  });

  test("a pod's limit is the kubelet's to change; a frozen container is stopped and removed", async () => {
    limitPodMemory(suite.cgroup.path, 256 << 20);
    const resources = LinuxContainerResources.create({ memoryLimitInBytes: 256n * MiB });
    await suite.daemon.pods.updatePodSandboxResources({ podSandboxId: suite.pod.id, resources });
    await eventually("systemd to write the limit", 5000, async () =>
      suite.cgroup.read("memory.max") === String(256n * MiB) ? true : undefined,
    );
    const { id, cgroup } = await running("frozen", "sleep 999");
    writeFileSync(`/sys/fs/cgroup${cgroup}/cgroup.freeze`, "1");
    await suite.daemon.pods.stopContainer({ containerId: id, timeout: 1n });
    const { exitCode } = await exited(suite.daemon, id);
    assert.ok(exitCode === 128 + 15 || exitCode === 128 + 9, "by whatever signal came to it first");
    await suite.daemon.pods.removeContainer({ containerId: id });
  });

  test("a command that takes too long is killed with all it started; the container goes on", async () => {
    const { id, actual } = await running("commands", "sleep 999");
    const cmd = ["/bin/sh", "-c", "setsid sleep 1001 & sleep 1002"];
    await assert.rejects(suite.daemon.pods.execSync({ containerId: id, cmd, timeout: 3n }), (error) =>
      isFault(error, "deadline"),
    );
    assert.equal(cgroupFile(actual, "cgroup.procs").split("\n").length, 1);
    await suite.daemon.pods.removeContainer({ containerId: id });
  });

  return suite;
}

/** Whether this kernel has the controller. */
function has(controller: string): boolean {
  return cgroupFile("/", "cgroup.controllers").split(" ").includes(controller);
}

/** The totals of a pressure file: some, full; none where the kernel was built without. */
function totalsOf(cgroup: string, name: string): (bigint | undefined)[] {
  if (!existsSync("/proc/pressure")) return [undefined, undefined];
  return [...cgroupFile(cgroup, name).matchAll(/total=(\d+)/g)].map(([, total]) => BigInt(total ?? -1));
}

function told(psi: PsiStats | undefined): (bigint | undefined)[] {
  return [psi?.Some?.Total, psi?.Full?.Total];
}
