import assert from "node:assert/strict";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import { hostCgroups } from "../linux/cgroups.ts";
import type { Cgroups } from "../linux/contract.ts";
import { HostThread } from "../linux/host-thread.ts";
import { hostMounts } from "../linux/mounts.ts";
import { hostNamespaces } from "../linux/namespaces.ts";
import { StatsCollector } from "./collect.ts";
import { CgroupReader } from "./read-cgroup.ts";

const isRoot = process.getuid?.() === 0;
const group = `/berth-stats-${process.pid}-${Date.now().toString(36)}`;
const soon = () => AbortSignal.timeout(30_000);

describe("StatsCollector", { skip: isRoot ? false : "NOT RUN: cgroups and namespaces need root" }, () => {
  const thread = new HostThread(60_000);
  const namespaces = hostNamespaces(thread, hostMounts());
  let cgroups: Cgroups;
  let base: string;
  before(async () => {
    cgroups = await hostCgroups(thread);
    base = mkdtempSync(join(tmpdir(), "berth-stats-"));
    await namespaces.pin({ directory: join(base, "ns"), kinds: ["net"], hostname: "", sysctls: {} });
  });
  after(async () => {
    await namespaces.unpin(join(base, "ns"));
    rmdirSync(base);
    await thread[Symbol.asyncDispose]();
    await cgroups.remove(group, 5000);
  });

  it("reads a real group, and nothing of one that is not there", async () => {
    await cgroups.create(`${group}/one`);
    const reader = new CgroupReader(cgroups);
    const read = reader.read(`${group}/one`, "pod");
    assert.equal(read?.cpu?.usageNanos, 0n);
    assert.equal(read?.memory?.usage, 0);
    assert.equal(read?.processes, 0);
    assert.equal(reader.read(`${group}/none`, "pod"), undefined);
  });

  it("reads pods with their network: by a process, by the namespace, or none", async () => {
    const collector = new StatsCollector({ cgroups, namespaces });
    const pod = (id: string, netns: string | undefined, pids: number[], cgroup = `${group}/one`) => ({
      id: id as PodSandboxId,
      cgroup,
      netns,
      pids,
    });
    const pinned = join(base, "ns/net");
    const read = await collector.pods(
      [
        pod("own", "/proc/self/ns/net", [process.pid]),
        pod("pinned", pinned, [process.pid]),
        pod("host", undefined, []),
        pod("lost", join(base, "none"), []),
        pod("gone", pinned, [], `${group}/none`),
      ],
      soon(),
    );
    const names = (id: string) => read.get(id as PodSandboxId)?.network?.interfaces.map(({ name }) => name);
    assert.ok(names("own")?.includes("lo"));
    assert.deepEqual(
      names("pinned")?.filter((name) => name === "lo"),
      ["lo"],
    );
    assert.equal(names("host"), undefined);
    assert.equal(names("lost"), undefined);
    assert.deepEqual([...read.keys()], ["own", "pinned", "host", "lost"]);
  });

  it("lets others have their turn while it reads many", async () => {
    const targets = Array.from({ length: 100 }, (_, index) => ({
      id: `${index}` as ContainerId,
      cgroup: `${group}/many/${index}`,
    }));
    for (const { cgroup } of targets) await cgroups.create(cgroup);
    const collector = new StatsCollector({ cgroups, namespaces });
    const twenty = Array.from({ length: 20 }, () => targets).flat();
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    const read = await collector.containers(twenty, soon());
    clearInterval(other);
    assert.equal(read.size, 100);
    assert.ok(turns > 1, "nobody else had a turn");
    await assert.rejects(collector.containers(targets, AbortSignal.abort()), { kind: "cancelled" });
  });
});
