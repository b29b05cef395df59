import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import { cgroupVersion } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { cgroupFile, cgroupOfProcess } from "../harness/kubelet-cgroups.ts";
import {
  eventually,
  exited,
  type MadePod,
  runContainer,
  runPod,
  shellConfig,
  whileStill,
} from "../harness/pods.ts";
import { isRoot } from "../harness/privileged.ts";

const mayMake = isRoot && cgroupVersion === 2 && process.env.BERTH_TEST_SWAP === "1";
const skip = mayMake
  ? false
  : "NOT RUN: gives the machine a swap: needs root, cgroup v2 alone and BERTH_TEST_SWAP=1 (make test-guest)";
if (skip) process.stderr.write(`\n*** swap: ${skip} ***\n\n`);

const MiB = 1n << 20n;
/** Holds 16 MiB that are no file's, and does nothing with them. */
const holding = "held=$(head -c 16777216 /dev/zero | tr '\\0' a); echo held; while :; do sleep 999; done";

for (const runtime of ["crun", "runc"] as const) {
  describe(`swap on ${runtime}`, { skip }, () => {
    let daemon: TestDaemon;
    let pod: MadePod;
    let swap = "";

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      swap = join(daemon.workspace.directory, "swap");
      writeFileSync(swap, Buffer.alloc(128 << 20), { mode: 0o600 });
      execFileSync("/sbin/mkswap", [swap], { stdio: "pipe" });
      execFileSync("/sbin/swapon", [swap]);
      await importBusybox(daemon);
      pod = await runPod(daemon, "swapping");
    });

    after(async () => {
      execFileSync("/sbin/swapoff", [swap]);
      rmSync(swap);
      await endDaemon(daemon);
    });

    /** A container that holds its memory, a part of which the kernel has put into the swap. */
    async function swapped(name: string, resources: Partial<LinuxContainerResources>) {
      const linux = { resources: LinuxContainerResources.create(resources) };
      const id = await runContainer(daemon, pod, shellConfig(name, busyboxImage, holding, { linux }));
      const { info } = await daemon.pods.containerStatus({ containerId: id, verbose: true });
      const cgroup = cgroupOfProcess(JSON.parse(info.info ?? "").pid);
      await eventually("it to hold its memory", 30_000, async () =>
        BigInt(cgroupFile(cgroup, "memory.current")) >= 16n * MiB ? true : undefined,
      );
      await eventually("some of it to be swapped", 30_000, async () => {
        reclaim(cgroup);
        return Number(cgroupFile(cgroup, "memory.swap.current")) > 0 ? true : undefined;
      });
      return { id, cgroup };
    }

    /** What the kernel counts, and what is told of it. */
    async function figures(id: string, cgroup: string) {
      const look = () => ({
        swap: BigInt(cgroupFile(cgroup, "memory.swap.current")),
        memory: BigInt(cgroupFile(cgroup, "memory.current")),
      });
      const [kernel, { stats }] = await whileStill(look, () =>
        daemon.pods.containerStats({ containerId: id }),
      );
      const { swapUsageBytes, swapAvailableBytes } = stats?.swap ?? {};
      assert.equal(swapUsageBytes?.value, kernel.swap);
      assert.equal(stats?.memory?.usageBytes?.value, kernel.memory);
      return { swap: kernel.swap, available: swapAvailableBytes?.value };
    }

    test("what is swapped is told as the kernel counts it, and what is left of the limit", async () => {
      const limits = { memoryLimitInBytes: 32n * MiB, memorySwapLimitInBytes: 56n * MiB };
      const { id, cgroup } = await swapped("limited", limits);
      assert.equal(
        cgroupFile(cgroup, "memory.swap.max"),
        String(24n * MiB),
        "the limit is for both together",
      );
      const { swap: used, available } = await figures(id, cgroup);
      assert.equal(available, 24n * MiB - used);
      const { podMetrics } = await daemon.pods.listPodSandboxMetrics({});
      const mine = podMetrics
        .flatMap(({ containerMetrics }) => containerMetrics)
        .find(({ containerId }) => containerId === id);
      const value = (name: string) => mine?.metrics.find((metric) => metric.name === name)?.value?.value;
      assert.equal(value("container_memory_swap"), used);
      assert.equal(value("container_spec_memory_swap_limit_bytes"), 56n * MiB);
    });

    test("without a limit there is no figure of what is left; a limit is set while it runs, below what is used", async () => {
      const { id, cgroup } = await swapped("unlimited", {
        memoryLimitInBytes: 64n * MiB,
        memorySwapLimitInBytes: -1n,
      });
      assert.equal(cgroupFile(cgroup, "memory.swap.max"), "max");
      assert.equal((await figures(id, cgroup)).available, undefined);
      const linux = LinuxContainerResources.create({
        memoryLimitInBytes: 64n * MiB,
        memorySwapLimitInBytes: 64n * MiB,
      });
      await daemon.pods.updateContainerResources({ containerId: id, linux });
      assert.equal(cgroupFile(cgroup, "memory.swap.max"), "0");
      assert.equal((await figures(id, cgroup)).available, 0n);
    });

    test("memory and swap used up together end a container as OOMKilled", async () => {
      const resources = LinuxContainerResources.create({
        memoryLimitInBytes: 16n * MiB,
        memorySwapLimitInBytes: 32n * MiB,
      });
      const hungry = shellConfig("hungry", busyboxImage, "x=a; while :; do x=$x$x$x$x; done", {
        linux: { resources },
      });
      const { exitCode, reason } = await exited(daemon, await runContainer(daemon, pod, hungry), 60_000);
      assert.deepEqual([exitCode, reason], [137, "OOMKilled"]);
    });
  });
}

/** Asks for 8 MiB back; less may be found. */
function reclaim(cgroup: string): void {
  try {
    writeFileSync(join("/sys/fs/cgroup", cgroup, "memory.reclaim"), "8M");
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "EAGAIN");
  }
}
