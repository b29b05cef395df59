import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findCgroupHierarchies } from "./cgroup-hierarchies.ts";
import { cgroupsOf, hostCgroups } from "./cgroups.ts";
import type { Cgroups } from "./contract.ts";
import { HostThread } from "./host-thread.ts";
import { parseMountinfo } from "./mountinfo.ts";

const isRoot = process.getuid?.() === 0;
const group = `/berth-test-${process.pid}-${Date.now().toString(36)}`;
const deadline = () => AbortSignal.timeout(10_000);
const thread = new HostThread(60_000);
after(() => thread[Symbol.asyncDispose]());

/** A shell in the group, which has said that it is there, and its children. */
async function processIn(directories: Iterable<string>, script: string): Promise<ChildProcess> {
  const child = spawn("sh", ["-c", `read go; ${script}`], { stdio: ["pipe", "pipe", "ignore"] });
  for (const directory of new Set(directories))
    writeFileSync(join(directory, "cgroup.procs"), `${child.pid}`);
  child.stdin?.end("go\n");
  await once(child.stdout ?? child, "data");
  return child;
}

/** The behaviour that v1 and v2 share. */
function suite(name: string, make: () => Promise<Cgroups>): void {
  describe(name, { skip: isRoot ? false : "NOT RUN: cgroups need root" }, () => {
    let cgroups: Cgroups;
    before(async () => {
      cgroups = await make();
    });
    afterEach(async () => {
      await cgroups.killAll(group, deadline());
      await cgroups.remove(group, 5000);
      assert.equal(await cgroups.exists(group), false);
    });

    it("makes a group in every hierarchy, twice without harm, and lists what is below", async () => {
      await cgroups.create(`${group}/a/b`);
      await cgroups.create(`${group}/a/b`);
      for (const directory of cgroups.directories(`${group}/a/b`).values())
        assert.ok(existsSync(directory), directory);
      assert.equal(await cgroups.exists(`${group}/a`), true);
      assert.equal(await cgroups.exists(`${group}/c`), false);
      assert.deepEqual(await cgroups.below(group), [group, `${group}/a`, `${group}/a/b`]);
      assert.deepEqual(await cgroups.below(`${group}/none`), []);
    });

    it("kills a tree of processes in several groups, and only then removes them", async () => {
      await cgroups.create(`${group}/a/b`);
      await cgroups.create(`${group}/c`);
      const outer = await processIn(cgroups.directories(`${group}/c`).values(), "echo up; sleep 100");
      const script = "trap '' TERM; sleep 101 & sleep 102 & echo up; wait";
      const inner = await processIn(cgroups.directories(`${group}/a/b`).values(), script);
      const exits = Promise.all([once(outer, "exit"), once(inner, "exit")]);
      const pids = await cgroups.processes(group);
      assert.ok(pids.includes(outer.pid ?? 0) && pids.includes(inner.pid ?? 0));
      assert.equal((await cgroups.processes(`${group}/a`)).length >= 3, true);
      await assert.rejects(cgroups.remove(group, 30), {
        kind: "wrongState",
        message: new RegExp(`${inner.pid}`),
      });
      await cgroups.killAll(group, deadline());
      assert.deepEqual(await cgroups.processes(group), []);
      for (const [, signal] of await exits) assert.equal(signal, "SIGKILL");
      await cgroups.remove(group, 5000);
    });

    it("freezes what is in it until it is thawed, and kills what is frozen", async () => {
      await cgroups.create(`${group}/a`);
      const script = "while :; do echo tick; sleep 0.01; done";
      const child = await processIn(cgroups.directories(`${group}/a`).values(), script);
      const { stdout } = child;
      if (stdout === null) throw new Error("it has no output");
      await cgroups.freeze(group, deadline());
      const cpu = () => readFileSync(`/proc/${child.pid}/stat`, "latin1").split(" ").slice(13, 17).join(" ");
      const before = cpu();
      await sleep(100);
      assert.equal(cpu(), before, "it does not run");
      stdout.read();
      await cgroups.thaw(group);
      await once(stdout, "readable");
      await cgroups.freeze(group, deadline());
      await cgroups.killAll(group, deadline());
      await cgroups.thaw(`${group}/none`);
      await assert.rejects(cgroups.freeze(`${group}/none`, deadline()), { kind: "notFound" });
    });

    it("kills what keeps forking", async () => {
      await cgroups.create(group);
      const script = "echo up; while :; do (sleep 0.01; sleep 50) & sleep 0.001; done";
      const child = await processIn(cgroups.directories(group).values(), script);
      const exited = once(child, "exit");
      await cgroups.killAll(group, deadline());
      await exited;
      assert.deepEqual(await cgroups.processes(group), []);
    });

    it("succeeds on what is not there, and refuses the root", async () => {
      await cgroups.killAll(`${group}/none`, deadline());
      await cgroups.remove(`${group}/none`, 0);
      await assert.rejects(cgroups.remove("/", 0), { kind: "invalid" });
      await assert.rejects(cgroups.killAll("/", deadline()), { kind: "invalid" });
      await assert.rejects(cgroups.create("/a/../b"), { kind: "invalid" });
    });
  });
}

suite("hostCgroups", () => hostCgroups(thread));

function mountsOfHost() {
  const text = readFileSync("/proc/cgroups", "latin1");
  return findCgroupHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo")), text).mounts;
}

describe("on cgroup v1", {
  skip: isRoot && mountsOfHost().has("freezer") ? false : "NOT RUN: no v1 freezer here",
}, () => {
  it("gives a new cpuset its parent's processors, and kills what is frozen", async () => {
    const cgroups = await hostCgroups(thread);
    await cgroups.create(`${group}/a`);
    try {
      const cpuset = cgroups.directories(`${group}/a`).get("cpuset");
      if (cpuset !== undefined)
        assert.notEqual(readFileSync(join(cpuset, "cpuset.cpus"), "latin1").trim(), "");
      const child = await processIn(cgroups.directories(`${group}/a`).values(), "echo up; sleep 100");
      const exited = once(child, "exit");
      const freezer = cgroups.directories(`${group}/a`).get("freezer") ?? "";
      writeFileSync(join(freezer, "freezer.state"), "FROZEN");
      await cgroups.killAll(group, deadline());
      await exited;
    } finally {
      await cgroups.remove(group, 5000);
    }
  });
});

const tree = isRoot ? mountsOfHost().get("unified") : undefined;
const root = tree === undefined ? "" : join(tree, `${group.slice(1)}-v2`);
if (tree !== undefined) {
  before(() => mkdirSync(root));
  after(() => rmdirSync(root));
  // A part of the host's v2 tree stands for the whole one.
  suite("cgroup v2", async () => cgroupsOf({ version: 2, mounts: new Map([["unified", root]]) }, thread));
}
