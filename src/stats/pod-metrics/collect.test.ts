import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { hostCgroups } from "../../linux/cgroups.ts";
import type { Cgroups } from "../../linux/contract.ts";
import { HostThread } from "../../linux/host-thread.ts";
import { MetricsCollector } from "./collect.ts";
import { parseMaxOpenFiles } from "./processes.ts";

const isRoot = process.getuid?.() === 0;
const group = `/berth-metrics-${process.pid}-${Date.now().toString(36)}`;
const soon = () => AbortSignal.timeout(30_000);

/** Opens files and sockets, says so, and waits for its end. */
const program = `
  const { openSync } = require("node:fs");
  const { createServer } = require("node:net");
  for (let n = 0; n < 1500; n++) openSync("/dev/null");
  let open = 3;
  for (let n = 0; n < 3; n++) createServer().listen(0, "127.0.0.1", () => --open || console.log("ready"));
  setInterval(() => {}, 1000);
`;

describe("MetricsCollector", { skip: isRoot ? false : "NOT RUN: cgroups need root" }, () => {
  const thread = new HostThread(60_000);
  let cgroups: Cgroups;
  let child: ChildProcess;
  let pid: number;
  before(async () => {
    cgroups = await hostCgroups(thread);
    await cgroups.create(`${group}/one/below`);
    child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    pid = child.pid ?? 0;
    assert.ok(child.stdout !== null);
    await once(child.stdout, "data");
    for (const directory of new Set(cgroups.directories(`${group}/one/below`).values()))
      appendFileSync(`${directory}/cgroup.procs`, `${pid}`);
  });
  after(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
    await cgroups.remove(group, 5000);
    await thread[Symbol.asyncDispose]();
  });

  it("counts what the processes of a group hold, those of groups below it too", async () => {
    const collector = new MetricsCollector<string>(cgroups);
    const targets = [
      { id: "one", cgroup: `${group}/one`, init: pid },
      { id: "none", cgroup: `${group}/none`, init: 2 ** 30 },
    ];
    const read = await collector.containers(targets, soon());
    assert.deepEqual([...read.keys()], ["one"]);
    const { processes, cgroup } = read.get("one") ?? {};
    assert.equal(processes?.processes, 1);
    const found = (...only: string[]) => {
      const { stdout } = spawnSync("find", [`/proc/${pid}/fd`, "-type", "l", ...only], { encoding: "utf8" });
      return stdout.trim().split("\n").length;
    };
    assert.equal(processes?.sockets, found("-lname", "socket:*"));
    assert.equal(processes?.fileDescriptors, found());
    assert.ok(processes.sockets >= 3 && processes.fileDescriptors > 1503, JSON.stringify(processes));
    assert.ok((processes?.maxOpenFiles ?? 0) > 1503);
    assert.ok((cgroup?.threads ?? 0) > 1, "a Node process has threads");
    assert.equal(cgroup?.oomKills, 0);
    assert.equal(collector.oomKills(`${group}/one`), 0);
    assert.equal(collector.oomKills(`${group}/none`), undefined);
  });

  it("lets others have their turn, and ends when it is told to", async () => {
    const collector = new MetricsCollector<string>(cgroups);
    const many = Array.from({ length: 40 }, (_, n) => ({ id: `${n}`, cgroup: `${group}/one`, init: pid }));
    let turns = 0;
    const other = setInterval(() => turns++, 1);
    const read = await collector.containers(many, soon());
    clearInterval(other);
    assert.equal(read.size, 40);
    assert.ok(turns > 2, "nobody else had a turn");
    await assert.rejects(collector.containers(many, AbortSignal.abort()), { kind: "cancelled" });
  });
});

it("reads the soft limit of open files", () => {
  const limits =
    "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024   524288    files     \n";
  assert.equal(parseMaxOpenFiles(limits), 1024);
  assert.equal(parseMaxOpenFiles(undefined), undefined);
});
