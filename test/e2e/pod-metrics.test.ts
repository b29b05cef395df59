import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { LinuxContainerResources, type Metric } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  eventually,
  exited,
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

/** A file of a cgroup, by other means than the daemon's. */
function kernelSays(controller: string, cgroup: string, name: string): string {
  return readFileSync(`/sys/fs/cgroup/${isV2 ? "" : `${controller}/`}${cgroup}/${name}`, "utf8").trim();
}

function lookAt(cgroup: string) {
  const pids = kernelSays("pids", cgroup, "cgroup.procs").split("\n");
  const files = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`)),
  );
  const eth0 = /eth0:\s*(.*)/.exec(readFileSync(`/proc/${pids[0]}/net/dev`, "utf8"))?.[1]?.split(/\s+/);
  return {
    processes: BigInt(pids.length),
    files: BigInt(files.length),
    sockets: BigInt(files.filter((target) => target.startsWith("socket:")).length),
    threads: BigInt(kernelSays("pids", cgroup, "pids.current")),
    memory: BigInt(kernelSays("memory", cgroup, isV2 ? "memory.current" : "memory.usage_in_bytes")),
    throttled: throttledIn(cgroup),
    sentPackets: BigInt(eth0?.[9] ?? -1),
  };
}

function throttledIn(cgroup: string): bigint {
  return BigInt(/nr_throttled (\d+)/.exec(kernelSays("cpu", cgroup, "cpu.stat"))?.[1] ?? -1);
}

/** The kernel may kill more than one process before there is room. */
function killsIn(cgroup: string): bigint {
  const text = kernelSays("memory", cgroup, isV2 ? "memory.events" : "memory.oom_control");
  return BigInt(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? -1);
}

/** Values by name and the labels after the common ones. */
function byName(metrics: readonly Metric[]): Map<string, bigint> {
  return new Map(
    metrics.map(({ name, labelValues, value }) => [
      [name.replace("container_", ""), ...labelValues.slice(6)].join(" "),
      value?.value ?? 0n,
    ]),
  );
}

describe("pod metrics, beside what the kernel says", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    pod = await runPod(daemon, "metered");
  });
  after(async () => {
    await removeAllPods(daemon);
    await daemon.close();
  });

  async function run(
    name: string,
    script: string,
    memoryLimitInBytes: bigint,
    cpuQuota = 25_000n,
  ): Promise<string> {
    const resources = LinuxContainerResources.create({
      memoryLimitInBytes,
      cpuPeriod: 50_000n,
      cpuQuota,
      cpuShares: 512n,
    });
    return runContainer(daemon, pod, shellConfig(name, busyboxImage, script, { linux: { resources } }));
  }

  async function read(containerId: string) {
    const { podMetrics } = await daemon.pods.listPodSandboxMetrics({});
    const found = podMetrics.find(({ podSandboxId }) => podSandboxId === pod.id);
    const container = found?.containerMetrics.find((of) => of.containerId === containerId);
    return { ofPod: byName(found?.metrics ?? []), of: byName(container?.metrics ?? []) };
  }

  async function verbose(containerId: string): Promise<{ cgroup: string; pid: number }> {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return JSON.parse(info.info ?? "{}");
  }

  test("a container's metrics are what its cgroup, its processes and its record say", async () => {
    const script = [
      "held=$(head -c 8388608 /dev/zero | tr '\\0' a)",
      "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; mkdir /many; for n in 1 2 3; do echo $n > /many/$n; done; sync",
      "nc -l -p 7000 & until test -e /enough; do :; done",
      "touch /ready; exec 5<>/ready; while :; do sleep 999; done",
    ].join("; ");
    const containerId = await run("held", script, 64n * mib, 5_000n);
    const { cgroup } = await verbose(containerId);
    // on a busy machine it has less than it may for a while
    await eventually(
      "the container to be throttled",
      60_000,
      async () => throttledIn(cgroup) > 0n || undefined,
    );
    await daemon.pods.execSync({ containerId, cmd: ["/bin/touch", "/enough"], timeout: 30n });
    const ready = ["/bin/test", "-e", "/ready"];
    await eventually("the container to have done its work", 30_000, async () =>
      (await daemon.pods.execSync({ containerId, cmd: ready, timeout: 10n })).exitCode === 0
        ? true
        : undefined,
    );
    const look = () => lookAt(cgroup);
    const [kernel, { of, ofPod }] = await whileStill(look, () => read(containerId));
    assert.equal(of.get("processes"), kernel.processes);
    assert.equal(of.get("threads"), kernel.threads);
    assert.equal(of.get("file_descriptors"), kernel.files);
    assert.equal(of.get("sockets"), kernel.sockets);
    assert.ok(kernel.sockets >= 1n, "a listener is a socket");
    assert.equal(of.get("memory_usage_bytes"), kernel.memory);
    assert.ok((of.get("memory_max_usage_bytes") ?? 0n) >= kernel.memory);
    assert.ok((of.get("memory_rss") ?? 0n) >= 8n * mib);
    assert.equal(of.get("cpu_cfs_throttled_periods_total"), kernel.throttled);
    assert.ok(kernel.throttled > 0n);
    assert.equal(ofPod.get("network_transmit_packets_total eth0"), kernel.sentPackets);
    assert.ok(ofPod.has("network_receive_bytes_total eth0"));
    assert.deepEqual(
      ["cpu_period", "cpu_quota", "cpu_shares", "memory_limit_bytes"].map((name) => of.get(`spec_${name}`)),
      [50_000n, 5_000n, 512n, 64n * mib],
    );
    assert.equal(of.get("oom_events_total"), 0n);
    const [device = ""] = [...of.keys()].flatMap((key) => /^fs_usage_bytes (.*)/.exec(key)?.[1] ?? []);
    const layer = of.get(`fs_usage_bytes ${device}`) ?? 0n;
    assert.ok(layer >= 3n * mib && layer < 4n * mib, `${layer} bytes in the layer on ${device}`);
    assert.ok((of.get(`fs_limit_bytes ${device}`) ?? 0n) > layer);
  });

  test("a kill for want of memory is counted: of a child at once, of the container after its end", async () => {
    const fill = "x=$(head -c 90000000 /dev/zero | tr '\\0' a)";
    const survivor = await run("survivor", `sh -c "${fill}"; touch /over; sleep 999`, 32n * mib);
    const kills = await eventually("the child's kill to be counted", 30_000, async () => {
      const counted = (await read(survivor)).of.get("oom_events_total") ?? 0n;
      return counted > 0n ? counted : undefined;
    });
    assert.ok(kills <= killsIn((await verbose(survivor)).cgroup));
    const victim = await run("victim", `${fill}; sleep 999`, 32n * mib);
    assert.equal((await exited(daemon, victim)).reason, "OOMKilled");
    const { cgroup } = await verbose(victim);
    assert.ok(killsIn(cgroup) > 0n);
    assert.deepEqual([...(await read(victim)).of], [["oom_events_total", killsIn(cgroup)]]);
    await daemon.pods.removeContainer({ containerId: victim });
    assert.equal((await read(victim)).of.size, 0);
  });
});
