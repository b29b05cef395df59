import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
  eventually,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

// crun in a mount namespace of its own, runc in the host's.
for (const runtime of ["crun", "runc"] as const) {
  describe(`what is told of pods on ${runtime}, and changed in them`, privileged, () => {
    let daemon: TestDaemon;

    before(async () => {
      daemon = await TestDaemon.start({ runtime });
      await importBusybox(daemon);
    });

    after(() => endDaemon(daemon));

    test("statistics: CPU, memory, processes, network, writable layer", async () => {
      const pod = await runPod(daemon, "stats");
      const script = "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; sync; touch /done; sleep 999";
      const containerId = await runContainer(daemon, pod, shellConfig("main", busyboxImage, script));
      const cmd = ["/bin/sh", "-c", "test -e /done"];
      await eventually("the file to be written", 10_000, async () =>
        (await daemon.pods.execSync({ containerId, cmd, timeout: 10n })).exitCode === 0 ? true : undefined,
      );
      const { stats } = await daemon.pods.containerStats({ containerId });
      assert.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
      assert.ok((stats?.memory?.workingSetBytes?.value ?? 0n) > 0n);
      // Counted in the background, first when it is first asked for.
      await eventually("the writable layer to be counted", 5000, async () => {
        const { stats: now } = await daemon.pods.containerStats({ containerId });
        return (now?.writableLayer?.usedBytes?.value ?? 0n) >= 3n << 20n ? true : undefined;
      });
      const ofPod = await daemon.pods.podSandboxStats({ podSandboxId: pod.id });
      assert.equal(ofPod.stats?.linux?.network?.defaultInterface?.name, "eth0");
      assert.ok((ofPod.stats?.linux?.process?.processCount?.value ?? 0n) >= 1n);
      assert.deepEqual(
        ofPod.stats?.linux?.containers.map(({ attributes }) => attributes?.id),
        [containerId],
      );
      const all = await daemon.pods.listContainerStats({});
      assert.ok(all.stats.some(({ attributes }) => attributes?.id === containerId));
      await removePod(daemon, pod.id);
    });

    test("lists filter by state, pod and label; the Stream calls give the same", async () => {
      const pod = await runPod(daemon, "listed", { labels: { tier: "one" } });
      const other = await runPod(daemon, "unlisted", { labels: { tier: "two" } });
      const id = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
      const filter = { id: "", state: undefined, labelSelector: { tier: "one" } };
      const { items } = await daemon.pods.listPodSandbox({ filter });
      assert.deepEqual(
        items.map((item) => item.id),
        [pod.id],
      );
      const ofPod = {
        id: "",
        podSandboxId: pod.id,
        state: { state: ContainerState.CONTAINER_RUNNING },
        labelSelector: {},
      };
      const { containers } = await daemon.pods.listContainers({ filter: ofPod });
      assert.deepEqual(
        containers.map((container) => container.id),
        [id],
      );
      const streamed: string[] = [];
      for await (const page of daemon.pods.streamPodSandboxes({}))
        streamed.push(...page.podSandboxes.map((item) => item.id));
      assert.ok(streamed.includes(pod.id) && streamed.includes(other.id));
      await Promise.all([removePod(daemon, pod.id), removePod(daemon, other.id)]);
    });

    test("a container's resources can be changed, and its log rotated", async () => {
      const pod = await runPod(daemon, "change");
      const id = await runContainer(
        daemon,
        pod,
        shellConfig("main", busyboxImage, "while :; do echo tick; sleep 0.1; done"),
      );
      await daemon.pods.updateContainerResources({
        containerId: id,
        linux: {
          ...(await resourcesOf(id)),
          cpuPeriod: 100_000n,
          cpuQuota: 20_000n,
          memoryLimitInBytes: 64n << 20n,
        },
      });
      const changed = await resourcesOf(id);
      assert.deepEqual([changed.cpuQuota, changed.memoryLimitInBytes], [20_000n, 64n << 20n]);

      const log = join(pod.config.logDirectory, "main.log");
      await eventually("the first lines", 5000, async () => (existsSync(log) ? true : undefined));
      renameSync(log, `${log}.1`);
      await daemon.pods.reopenContainerLog({ containerId: id });
      await eventually("lines in the new log", 5000, async () =>
        existsSync(log) && readFileSync(log, "utf8").includes("tick") ? true : undefined,
      );
      await removePod(daemon, pod.id);
    });

    async function resourcesOf(containerId: string) {
      const linux = (await containerStatus(daemon, containerId)).resources?.linux;
      assert.ok(linux !== undefined, "the status has the resources");
      return linux;
    }
  });
}
