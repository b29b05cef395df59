import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LinuxContainerResources } from "../../src/wire/gen/runtime.v1.ts";
import { cgroupOf } from "../harness/cgroup-file.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  eventually,
  type MadePod,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
  whileStill,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const mib = 1n << 20n;
const isV2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** What the kernel says of a group, for comparison: by other means than the daemon's. */
function kernelFigures(cgroup: string) {
  const text = (controller: string, name: string) =>
    readFileSync(`/sys/fs/cgroup/${isV2 ? "" : `${controller}/`}${cgroup}/${name}`, "utf8").trim();
  const lines = new Map(
    text("memory", "memory.stat")
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
  const stat = (v1: string, v2: string) => BigInt(lines.get(isV2 ? v2 : v1) ?? "-1");
  const usage = BigInt(text("memory", isV2 ? "memory.current" : "memory.usage_in_bytes"));
  const usec = /^usage_usec (\d+)$/m;
  return {
    cpu: isV2
      ? BigInt(usec.exec(text("", "cpu.stat"))?.[1] ?? "-1") * 1000n
      : BigInt(text("cpuacct", "cpuacct.usage")),
    usage,
    workingSet: usage - stat("total_inactive_file", "inactive_file"),
    rss: stat("total_rss", "anon"),
    pageFaults: stat("total_pgfault", "pgfault"),
    majorPageFaults: stat("total_pgmajfault", "pgmajfault"),
    processes: BigInt(text("pids", "pids.current")),
  };
}

/** Bytes of eth0 as a process of the pod sees them: received, sent. */
function trafficOf(pid: number): [bigint, bigint] {
  const line = /eth0:(.*)/.exec(readFileSync(`/proc/${pid}/net/dev`, "utf8"))?.[1] ?? "";
  const values = line.trim().split(/\s+/);
  return [BigInt(values[0] ?? -1), BigInt(values[8] ?? -1)];
}

describe("statistics, beside what the kernel says", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;
  let quiet: string;
  let busy: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    pod = await runPod(daemon, "figures");
    const script = [
      "held=$(head -c 8388608 /dev/zero | tr '\\0' a)",
      "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done",
      "mkdir /many; for n in 1 2 3 4 5 6 7 8 9; do echo $n > /many/$n; done",
      "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; sync",
      "touch /ready; while :; do sleep 999; done",
    ].join("; ");
    const resources = LinuxContainerResources.create({ memoryLimitInBytes: 64n * mib });
    quiet = await runContainer(
      daemon,
      pod,
      shellConfig("quiet", busyboxImage, script, { linux: { resources } }),
    );
    busy = await runContainer(daemon, pod, shellConfig("busy", busyboxImage, "while :; do :; done"));
    const cmd = ["/bin/test", "-e", "/ready"];
    await eventually("the container to have done its work", 30_000, async () =>
      (await daemon.pods.execSync({ containerId: quiet, cmd, timeout: 10n })).exitCode === 0
        ? true
        : undefined,
    );
  });

  after(async () => {
    await removeAllPods(daemon);
    await daemon.close();
  });

  async function verbose(containerId: string): Promise<{ cgroup: string; pid: number }> {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return JSON.parse(info.info ?? "{}");
  }

  test("a container's CPU and memory are what its cgroup's files say", async () => {
    const cgroup = await cgroupOf(daemon, quiet);
    const [kernel, { stats }] = await whileStill(
      () => kernelFigures(cgroup),
      () => daemon.pods.containerStats({ containerId: quiet }),
    );
    const { cpu, memory, swap } = stats ?? {};
    assert.equal(cpu?.usageCoreNanoSeconds?.value, kernel.cpu);
    assert.ok(kernel.cpu > 10_000_000n, `a hundred thousand additions took ${kernel.cpu} ns`);
    assert.equal(memory?.usageBytes?.value, kernel.usage);
    assert.equal(memory?.workingSetBytes?.value, kernel.workingSet);
    assert.equal(memory?.availableBytes?.value, 64n * mib - kernel.workingSet);
    assert.equal(memory?.rssBytes?.value, kernel.rss);
    assert.ok(kernel.rss >= 8n * mib && kernel.rss < 64n * mib, `holds 8 MiB, and has ${kernel.rss}`);
    assert.equal(memory?.pageFaults?.value, kernel.pageFaults);
    assert.equal(memory?.majorPageFaults?.value, kernel.majorPageFaults);
    assert.equal(swap?.swapUsageBytes?.value, 0n);
  });

  test("CPU a second is counted from one reading to the next", async () => {
    const read = async () => (await daemon.pods.containerStats({ containerId: busy })).stats?.cpu;
    await read();
    await sleep(1100);
    const first = await read();
    await sleep(1100);
    const second = await read();
    const used = (second?.usageCoreNanoSeconds?.value ?? 0n) - (first?.usageCoreNanoSeconds?.value ?? 0n);
    const passed = (second?.timestamp ?? 0n) - (first?.timestamp ?? 0n);
    assert.ok(used > 0n && passed > 0n);
    // The timestamps are of the node's clock, which may be set; the rate goes by one that never is.
    const rate = Number((used * 1_000_000_000n) / passed);
    const told = Number(second?.usageNanoCores?.value);
    assert.ok(Math.abs(told / rate - 1) < 0.05, `${told} ns of CPU a second, and by the timestamps ${rate}`);
  });

  test("the writable layer is counted with its inodes", async () => {
    await eventually("the layer to be counted", 20_000, async () => {
      const { stats } = await daemon.pods.containerStats({ containerId: quiet });
      const { usedBytes, inodesUsed } = stats?.writableLayer ?? {};
      if (usedBytes === undefined) return undefined;
      assert.ok(usedBytes.value >= 3n * mib && usedBytes.value < 4n * mib, `${usedBytes.value} bytes`);
      // /many and nine files in it, /big, /ready, and what the runtime makes for its mounts
      assert.ok((inodesUsed?.value ?? 0n) >= 12n, `${inodesUsed?.value} inodes`);
      return true;
    });
  });

  test("what a layer takes is what du says: holes, names of one file, what was deleted", async () => {
    const script = [
      "dd if=/dev/zero of=/holes bs=1 count=1 seek=9999999 2>/dev/null",
      "echo twice > /one; ln /one /two; ln -s /one /link",
      "mkdir -p /deep/er; dd if=/dev/zero of=/deep/er/file bs=1000 count=777 2>/dev/null",
      "rm /bin/vi; echo more >> /etc/passwd; sync; touch /done; sleep 999",
    ].join("; ");
    const containerId = await runContainer(daemon, pod, shellConfig("writer", busyboxImage, script));
    const { pid } = await verbose(containerId);
    const layer = await eventually("its layer to be known", 10_000, async () => {
      const root = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
        .split("\n")
        .find((line) => / \/ \/ /.test(line));
      return /upperdir=([^,]+)/.exec(root ?? "")?.[1];
    });
    // not counted before: what stays the same is counted seldom
    await eventually("it to have written", 30_000, async () => existsSync(`${layer}/done`) || undefined);
    await eventually("the count of what it wrote", 60_000, async () => {
      const { stats } = await daemon.pods.containerStats({ containerId });
      const { usedBytes, inodesUsed } = stats?.writableLayer ?? {};
      const [bytes, inodes] = await Promise.all([du(layer, "--block-size=1"), du(layer, "--inodes")]);
      return usedBytes?.value === bytes && inodesUsed?.value === inodes && bytes > 700_000n
        ? true
        : undefined;
    });
    await daemon.pods.removeContainer({ containerId });
  });

  async function du(path: string, unit: string): Promise<bigint> {
    const { stdout } = await daemon.inside("du", "-s", unit, path);
    return BigInt(/^\d+/.exec(stdout)?.[0] ?? -1);
  }

  test("images and layers are told apart, and are what du says of both together", async () => {
    await eventually("all layers to be counted", 60_000, async () => {
      const { imageFilesystems, containerFilesystems } = await daemon.images.imageFsInfo({});
      const [image] = imageFilesystems;
      const [container] = containerFilesystems;
      assert.equal(image?.fsId?.mountpoint, container?.fsId?.mountpoint);
      const both = (image?.usedBytes?.value ?? 0n) + (container?.usedBytes?.value ?? 0n);
      const said = await du(image?.fsId?.mountpoint ?? "", "--block-size=1");
      // what berth keeps beside the layers: their notes, and the directories that hold them
      const kept = said - both;
      return kept >= 0n && kept < 256n << 10n ? true : undefined;
    });
    await eventually("the store to be counted", 30_000, async () => {
      const content = (await daemon.images.imageFsInfo({})).imageFilesystems.at(-1);
      assert.equal(content?.fsId?.mountpoint, join(daemon.workspace.root, "content"));
      const [bytes, inodes] = await Promise.all([
        du(join(daemon.workspace.root, "content"), "--block-size=1"),
        du(join(daemon.workspace.root, "content"), "--inodes"),
      ]);
      return content?.usedBytes?.value === bytes && content.inodesUsed?.value === inodes ? true : undefined;
    });
  });

  test("a pod's figures are those of its cgroup and its network, with its containers", async () => {
    await daemon.pods.stopContainer({ containerId: busy, timeout: 0n });
    const { pid } = await verbose(quiet);
    const gateway = `${daemon.workspace.subnet}.1`;
    const cmd = ["/bin/ping", "-c", "2", "-i", "0.2", gateway];
    const ping = await daemon.pods.execSync({ containerId: quiet, cmd, timeout: 20n });
    assert.equal(ping.exitCode, 0, Buffer.from(ping.stderr).toString());
    const { info } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id, verbose: true });
    const { cgroup } = JSON.parse(info.info ?? "{}") as { cgroup: string };
    const [kernel, { stats }] = await whileStill(
      () => ({ ...kernelFigures(cgroup), traffic: trafficOf(pid) }),
      () => daemon.pods.listPodSandboxStats({ filter: { id: pod.id, labelSelector: {} } }),
    );
    const linux = stats[0]?.linux;
    assert.equal(stats[0]?.attributes?.metadata?.name, "figures");
    assert.equal(linux?.cpu?.usageCoreNanoSeconds?.value, kernel.cpu);
    assert.equal(linux?.memory?.usageBytes?.value, kernel.usage);
    assert.equal(linux?.memory?.workingSetBytes?.value, kernel.workingSet);
    assert.equal(linux?.memory?.rssBytes?.value, kernel.rss);
    assert.equal(linux?.process?.processCount?.value, kernel.processes);
    const { name, rxBytes, txBytes } = linux?.network?.defaultInterface ?? {};
    assert.deepEqual([name, rxBytes?.value, txBytes?.value], ["eth0", ...kernel.traffic]);
    assert.ok(kernel.traffic[0] > 100n && kernel.traffic[1] > 100n, "the pings are counted");
    assert.deepEqual(
      linux?.containers.map(({ attributes }) => attributes?.id),
      [quiet],
    );
    const [inside] = linux?.containers ?? [];
    assert.ok((inside?.memory?.rssBytes?.value ?? 0n) >= 8n * mib);
  });
});
