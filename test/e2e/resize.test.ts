import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { isFault } from "../../src/base/fault.ts";
import { LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import {
  type CgroupFileName,
  cgroupOf,
  cgroupPath,
  cgroupVersion,
  kernelHas,
  memoryMax,
  setByHand,
} from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { containerStatus, eventually, exited, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const MiB = 1n << 20n;
const shares: CgroupFileName = { v1: "cpu/cpu.shares", v2: "cpu.weight" };
const quota: CgroupFileName = { v1: "cpu/cpu.cfs_quota_us", v2: "cpu.max" };
/** Together with memory in v1. */
const swapMax: CgroupFileName = { v1: "memory/memory.memsw.limit_in_bytes", v2: "memory.swap.max" };
const hasHugepages =
  cgroupVersion === 1
    ? existsSync("/sys/fs/cgroup/hugetlb")
    : readFileSync("/sys/fs/cgroup/cgroup.controllers", "latin1").includes("hugetlb");
type Limits = Partial<LinuxContainerResources>;

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`resizing in place on ${runtime}`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
    });

    after(() => endDaemon(daemon));

    /** A container with limits, as a kubelet would ask for. @returns its id */
    async function limited(name: string, resources: Limits, script = "sleep 999"): Promise<string> {
      const pod = await runPod(daemon, name);
      const linux = { resources: LinuxContainerResources.create(resources) };
      return runContainer(daemon, pod, shellConfig("main", busyboxImage, script, { linux }));
    }

    async function update(containerId: string, resources: Limits): Promise<void> {
      const linux = LinuxContainerResources.create(resources);
      await daemon.pods.updateContainerResources({ containerId, linux });
    }

    async function told(containerId: string): Promise<LinuxContainerResources> {
      const linux = (await containerStatus(daemon, containerId)).resources?.linux;
      assert.ok(linux !== undefined);
      return linux;
    }

    const has = (id: string, name: CgroupFileName) => kernelHas(daemon, id, name);

    test("CPU and memory go up and down, and are told as the kernel has them", async () => {
      const id = await limited("updown", {
        cpuShares: 512n,
        cpuQuota: 50_000n,
        cpuPeriod: 100_000n,
        memoryLimitInBytes: 100n * MiB,
      });
      await update(id, { cpuShares: 256n, cpuQuota: 20_000n, cpuPeriod: 100_000n });
      await update(id, { memoryLimitInBytes: 200n * MiB });
      await update(id, { memoryLimitInBytes: 64n * MiB, cpuQuota: 400_000n, cpuPeriod: 200_000n });
      const now = await told(id);
      assert.deepEqual(
        [now.cpuShares, now.cpuQuota, now.cpuPeriod, now.memoryLimitInBytes],
        [256n, 400_000n, 200_000n, 64n * MiB],
      );
      assert.equal(await has(id, swapMax), cgroupVersion === 1 ? String(64n * MiB) : "0", "no swap");
      await update(id, { cpuQuota: -1n, memoryLimitInBytes: -1n, memorySwapLimitInBytes: -1n });
      assert.match(await has(id, quota), /^(-1|max 200000)$/);
      const lifted = await told(id);
      assert.deepEqual([lifted.cpuQuota, lifted.memoryLimitInBytes, lifted.cpuShares], [-1n, -1n, 256n]);
    });

    test("swap goes up and down with memory, in whatever order the kernel needs", async () => {
      const id = await limited("swap", { memoryLimitInBytes: 64n * MiB, memorySwapLimitInBytes: 96n * MiB });
      await update(id, { memoryLimitInBytes: 128n * MiB });
      assert.equal((await told(id)).memorySwapLimitInBytes, 160n * MiB, "the swap beyond memory stays");
      await update(id, { memoryLimitInBytes: 32n * MiB, memorySwapLimitInBytes: 40n * MiB });
      await update(id, { memorySwapLimitInBytes: 50n * MiB });
      const now = await told(id);
      assert.deepEqual([now.memoryLimitInBytes, now.memorySwapLimitInBytes], [32n * MiB, 50n * MiB]);
      await assert.rejects(
        update(id, { memorySwapLimitInBytes: 16n * MiB }),
        (error) => isFault(error, "invalid") && /is below memoryLimitInBytes/.test(error.message),
      );
    });

    test("a limit below what is used is refused and changes nothing; caches are no use", async () => {
      const script = `dd if=/dev/zero of=/dev/shm/used bs=1M count=40 2>/dev/null
        dd if=/dev/zero of=/cached bs=1M count=40 2>/dev/null; sync; cat /cached /cached >/dev/null; touch /done; sleep 999`;
      const id = await limited("used", { memoryLimitInBytes: 200n * MiB, cpuShares: 512n }, script);
      const cmd = ["test", "-e", "/done"];
      await eventually("the memory to be used", 20_000, async () =>
        (await daemon.pods.execSync({ containerId: id, cmd, timeout: 10n })).exitCode === 0
          ? true
          : undefined,
      );
      await assert.rejects(
        update(id, { memoryLimitInBytes: 20n * MiB, cpuShares: 100n }),
        (error) =>
          isFault(error, "wrongState") &&
          /memory_limit_in_bytes: 20971520 is below the 4\d{7} bytes that container main uses/.test(
            error.message,
          ),
      );
      const now = await told(id);
      assert.deepEqual([now.cpuShares, now.memoryLimitInBytes], [512n, 200n * MiB]);
      await update(id, { memoryLimitInBytes: 60n * MiB });
      assert.equal(await has(id, memoryMax), String(60n * MiB));
    });

    test("what the kernel refuses half-way is taken back", async () => {
      const id = await limited("half", { memoryLimitInBytes: 64n * MiB, cpuShares: 512n });
      const refused = cgroupVersion === 1 ? await narrowPod(id) : { unified: { "memory.high": "nonsense" } };
      if (refused === undefined) return; // one processor: no other that could be refused
      await assert.rejects(
        update(id, { memoryLimitInBytes: 96n * MiB, cpuShares: 100n, ...refused }),
        (error) => isFault(error, "internal") && /cpuset\.cpus|memory\.high/.test(error.message),
      );
      const now = await told(id);
      assert.deepEqual([now.cpuShares, now.memoryLimitInBytes], [512n, 64n * MiB]);
      assert.equal(await has(id, swapMax), cgroupVersion === 1 ? String(64n * MiB) : "0");
    });

    /** Leaves the container's pod the first processor only. @returns processors that the kernel now refuses */
    async function narrowPod(containerId: string): Promise<Limits | undefined> {
      const file: CgroupFileName = { v1: "cpuset/cpuset.cpus", v2: "cpuset.cpus" };
      const ofPod = dirname(dirname(cgroupPath(await cgroupOf(daemon, containerId), file)));
      const cpusetCpus = readFileSync(join(ofPod, "cpuset.cpus"), "latin1").trim();
      const groups = readdirSync(ofPod, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      for (const group of [...groups.map(({ name }) => join(ofPod, name)), ofPod])
        writeFileSync(join(group, "cpuset.cpus"), "0");
      return cpusetCpus === "0" ? undefined : { cpusetCpus };
    }

    test("what the node doesn't have is refused by name, or left out as the kubelet expects", async () => {
      const id = await limited("absent", {
        hugepageLimits: [
          { pageSize: "2MB", limit: 2n * MiB },
          { pageSize: "1GB", limit: 0n },
        ],
      });
      await update(id, { hugepageLimits: [{ pageSize: "2MB", limit: 4n * MiB }] });
      const inForce = (await told(id)).hugepageLimits.find(({ pageSize }) => pageSize === "2MB");
      assert.equal(inForce?.limit, hasHugepages ? 4n * MiB : undefined, "in force only with the controller");
      const refused: readonly [Limits, RegExp][] = [
        [{ cpusetCpus: "0-4000" }, /cpusetCpus is "0-4000", but this node has the processors 0/],
        [{ cpusetMems: "63" }, /cpusetMems is "63", but this node has the memory nodes 0/],
        cgroupVersion === 1
          ? [{ unified: { "memory.high": "1" } }, /unified \(memory\.high\) needs cgroup v2/]
          : [{ unified: { "/../memory.high": "1" } }, /unified: "\/\.\.\/memory\.high" is not the name/],
      ];
      for (const [resources, message] of refused) {
        await assert.rejects(
          update(id, resources),
          (error) => isFault(error, "invalid") && message.test(error.message),
        );
      }
    });

    test("limits that somebody else set are told, also by the next daemon", async () => {
      const id = await limited("byhand", { memoryLimitInBytes: 64n * MiB, cpuShares: 512n });
      await setByHand(daemon, id, shares, cgroupVersion === 1 ? "106" : "5"); // a weight of 5 is 106 shares
      await setByHand(daemon, id, memoryMax, String(48n * MiB));
      const check = async () => {
        const now = await told(id);
        assert.deepEqual([now.cpuShares, now.memoryLimitInBytes], [106n, 48n * MiB]);
      };
      await check();
      await daemon.kill();
      await daemon.launch();
      await check();
      await update(id, { memoryLimitInBytes: 56n * MiB });
      const now = await told(id);
      // Of a scope that has runc's limits, systemd writes all that it knows at each change.
      const isWrittenAgain = runtime === "runc" && daemon.workspace.cgroupDriver === "systemd";
      assert.deepEqual(
        [now.cpuShares, now.memoryLimitInBytes],
        [isWrittenAgain ? 512n : 106n, 56n * MiB],
        "what was not named stays",
      );
    });

    test("a created container starts with what it was given before; one that has ended is given nothing", async () => {
      const pod = await runPod(daemon, "early");
      const config = shellConfig("main", busyboxImage, "exit 0", {
        linux: {
          resources: LinuxContainerResources.create({ memoryLimitInBytes: 64n * MiB, cpuQuota: -1n }),
        },
      });
      const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
      const { containerId } = await daemon.pods.createContainer(request);
      await update(containerId, { memoryLimitInBytes: 80n * MiB });
      assert.equal(await has(containerId, memoryMax), String(80n * MiB));
      await daemon.pods.startContainer({ containerId });
      await exited(daemon, containerId);
      assert.equal((await told(containerId)).memoryLimitInBytes, 80n * MiB, "what it ended with");
      await assert.rejects(
        update(containerId, { memoryLimitInBytes: 96n * MiB }),
        (error) => isFault(error, "wrongState") && /it is exited/.test(error.message),
      );
    });

    test("the score for the kernel's choice of what to kill goes up for all that have it", async () => {
      const script = "sleep 998 & echo 900 >/proc/$!/oom_score_adj; sleep 997 & echo $$; wait";
      const id = await limited("score", { oomScoreAdj: 100n }, script);
      const scores =
        "cd /proc; grep -l sleep [0-9]*/comm | while read f; do cat $(dirname $f)/oom_score_adj; done";
      const cmd = ["/bin/sh", "-c", scores];
      const read = async () => {
        const { stdout } = await daemon.pods.execSync({ containerId: id, cmd, timeout: 10n });
        return stdout.toString().trim().split("\n").toSorted();
      };
      await eventually("both processes", 5000, async () =>
        isDeepStrictEqual(await read(), ["100", "900"]) ? true : undefined,
      );
      await update(id, { oomScoreAdj: 300n });
      assert.deepEqual(await read(), ["300", "900"]);
      assert.equal((await told(id)).oomScoreAdj, 300n);
    });

    test("a pod's resources are recorded and told; its cgroup is the kubelet's", async () => {
      const pod = await runPod(daemon, "whole");
      const podSandboxId = pod.id;
      const limits = (cpuShares: bigint) =>
        LinuxContainerResources.create({ cpuShares, memoryLimitInBytes: MiB });
      await daemon.pods.updatePodSandboxResources({
        podSandboxId,
        overhead: limits(2n),
        resources: limits(512n),
      });
      await daemon.pods.updatePodSandboxResources({ podSandboxId, resources: limits(1024n) });
      const { info } = await daemon.pods.podSandboxStatus({ podSandboxId, verbose: true });
      const { overhead, resources } = JSON.parse(info.info ?? "");
      assert.deepEqual(
        [overhead.cpuShares, resources.cpuShares, resources.memoryLimit],
        [2, 1024, Number(MiB)],
      );
      const again = daemon.pods.updatePodSandboxResources({ podSandboxId, resources: limits(-5n) });
      await assert.rejects(again, (error) => isFault(error, "invalid"));
      await daemon.pods.stopPodSandbox({ podSandboxId });
      await assert.rejects(
        daemon.pods.updatePodSandboxResources({ podSandboxId, resources: limits(2n) }),
        (error) => isFault(error, "wrongState") && /it is stopped/.test(error.message),
      );
    });

    const onlyV2 = cgroupVersion === 1 ? { skip: "NOT RUN: needs cgroup v2" } : {};
    test("cgroup v2 files are set, changed and told by their names", onlyV2, async () => {
      const unified = {
        "memory.high": String(64n * MiB),
        "memory.oom.group": "1",
        "memory.swap.max": "1048576",
      };
      const id = await limited("unified", { memoryLimitInBytes: 96n * MiB, unified });
      const at = (v2: string) => has(id, { v1: "", v2 });
      for (const [name, value] of Object.entries(unified)) assert.equal(await at(name), value);
      await update(id, { unified: { "memory.high": "max" }, memoryLimitInBytes: 128n * MiB });
      const now = await told(id);
      assert.deepEqual(now.unified, { ...unified, "memory.high": "max" });
      assert.equal(await at("memory.swap.max"), "1048576", "the swap beyond memory stays");
      assert.equal(now.memorySwapLimitInBytes, 129n * MiB);
    });

    test("an update beside a stop ends with the limits or says that the container ended", async () => {
      const ids = await Promise.all(
        Array.from({ length: 4 }, (_, index) => limited(`race${index}`, { memoryLimitInBytes: 64n * MiB })),
      );
      await Promise.all(
        ids.map(async (containerId) => {
          const stopping = daemon.pods.stopContainer({ containerId, timeout: 0n });
          await update(containerId, { memoryLimitInBytes: 96n * MiB }).catch((error: unknown) =>
            assert.ok(isFault(error, "wrongState"), String(error)),
          );
          await stopping;
        }),
      );
    });
  });
}
