import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { processIdentity } from "../../src/linux/process-identity.ts";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { logLines } from "../harness/log-lines.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  podConfig,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** What a daemon meets on a node that gives it no more files or processes, or has lost its programs. */
describe("a daemon without files, processes or programs", privileged, () => {
  let daemon: TestDaemon;
  let programs = "";
  let pod: MadePod;
  let container = "";

  before(async () => {
    daemon = await TestDaemon.start({
      prepare: ({ directory, configFile }) => {
        programs = join(directory, "programs");
        mkdirSync(programs);
        for (const name of ["conmon", "crun"]) copyFileSync(`/usr/bin/${name}`, join(programs, name));
        const own = `default = "own"\nconmon = "${programs}/conmon"\nhandlers.own.binary = "${programs}/crun"`;
        return `sed -i 's|^default = .*|${own.replaceAll("\n", "\\n")}|' ${configFile}`;
      },
    });
    await importBusybox(daemon);
    pod = await runPod(daemon, "stays");
    container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
  });

  after(() => endDaemon(daemon));

  const create = (name: string) =>
    daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig(name, busyboxImage, "sleep 999"),
      sandboxConfig: pod.config,
    });
  const run = (name: string) =>
    daemon.pods.runPodSandbox({ config: podConfig(daemon, name), runtimeHandler: "" });
  const exec = () => daemon.pods.execSync({ containerId: container, cmd: ["echo", "here"], timeout: 10n });

  /** Has the daemon in a cgroup of its own meanwhile, which may be limited. */
  async function inGroup(controller: string, work: (group: string) => Promise<void>): Promise<void> {
    const own = `/sys/fs/cgroup/${controller}`;
    const hierarchy = existsSync(own) ? own : "/sys/fs/cgroup";
    const group = `${hierarchy}${daemon.workspace.cgroupParent}-daemon`;
    const { pid } = daemon;
    mkdirSync(group);
    try {
      writeFileSync(join(group, "cgroup.procs"), String(pid));
      await work(group);
    } finally {
      if (existsSync(`/proc/${pid}`)) writeFileSync(join(hierarchy, "cgroup.procs"), String(pid));
      await eventually("the group to be empty", 10_000, async () => isRemoved(group) || undefined);
    }
  }

  /** All is as if nothing had been. */
  async function isWell(name: string): Promise<void> {
    assert.equal((await exec()).stdout.toString(), "here\n");
    const another = await runPod(daemon, `after-${name}`);
    await runContainer(daemon, another, shellConfig("main", busyboxImage, "sleep 999"));
    await removePod(daemon, another.id);
    assert.equal((await containerStatus(daemon, container)).state, ContainerState.CONTAINER_RUNNING);
  }

  test("no more open files: calls say so, the daemon lives on", async () => {
    const limit = (files: number) =>
      execFileSync("prlimit", ["--pid", String(daemon.pid), `--nofile=${files}:20000`]);
    const before = daemon.pid;
    limit(3); // the limit is on a file's number, and those below are never free
    const full = { kind: "exhausted", message: /EMFILE.*LimitNOFILE=/ };
    await assert.rejects(run("no-files"), full);
    await assert.rejects(create("no-files"), full);
    await assert.rejects(exec(), full);
    // has the daemon look whether the container has ended, as it does now and then
    const exit = join(daemon.workspace.state, "exits", container);
    writeFileSync(exit, "");
    rmSync(exit);
    await assert.rejects(daemon.pods.containerStats({ containerId: container }), full);
    await assert.rejects(daemon.pods.listContainerStats({}), full);
    const { state } = await containerStatus(daemon, container); // by the connection that is there
    assert.equal(state, ContainerState.CONTAINER_RUNNING);
    limit(20_000);
    await isWell("no-files");
    assert.ok(!logLines(daemon).some(({ msg }) => /monitor is gone/.test(String(msg))));
    assert.equal(daemon.pid, before);
  });

  test("no more processes and threads: calls say so, and removing goes on when there are some", async () => {
    const stopped = await runPod(daemon, "half-removed");
    await runContainer(daemon, stopped, shellConfig("main", busyboxImage, "sleep 999"));
    await inGroup("pids", async (group) => {
      const limit = (most: string) => writeFileSync(join(group, "pids.max"), most);
      limit("1"); // not what it has now: a thread that ends would leave room for another process
      const full = { kind: "exhausted", message: /EAGAIN.*pids\.max of its cgroup \(TasksMax=/ };
      await assert.rejects(create("no-processes"), full);
      await assert.rejects(exec(), full);
      await daemon.pods.stopPodSandbox({ podSandboxId: stopped.id });
      limit("max");
      await removePod(daemon, stopped.id);
      await isWell("no-processes");
    });
  });

  test("no more memory: the kernel ends the daemon, what runs goes on, and the next one knows it", async () => {
    const killed = daemon.pid;
    await inGroup("memory", async (group) => {
      const file =
        ["memory.limit_in_bytes", "memory.max"].find((name) => existsSync(join(group, name))) ?? "";
      writeFileSync(join(group, file), String(2 << 20));
      const ask = () => daemon.pods.status({ verbose: true }).catch(() => undefined);
      // how much it takes until it needs more than it has is its own affair
      await eventually("the daemon's end", 60_000, async () => {
        await Promise.all(Array.from({ length: 50 }, ask));
        return processIdentity(killed) === undefined || undefined; // a dead one counts as gone
      });
      assert.equal(await daemon.ended(), null); // by a signal
    });
    assert.equal(existsSync(`/proc/${killed}`), false);
    await daemon.launch();
    await isWell("no-memory");
  });

  for (const name of ["conmon", "crun"]) {
    test(`${name} is gone: what needs it says so, the node is not ready; it is again when it is back`, async () => {
      const path = join(programs, name);
      const ready = async () => {
        const { status } = await daemon.pods.status({ verbose: false });
        return status?.conditions.find(({ type }) => type === "RuntimeReady");
      };
      renameSync(path, `${path}.gone`);
      const missing = { kind: "unavailable", message: new RegExp(`${path} is not there.*install it again`) };
      await assert.rejects(create(`no-${name}`), missing);
      if (name === "crun") await assert.rejects(exec(), missing);
      assert.match((await ready())?.message ?? "", new RegExp(`${path} is not there`));
      renameSync(`${path}.gone`, path);
      assert.equal((await ready())?.status, true);
      await isWell(name);
    });
  }
});

/** False while the kernel still has a process that was killed in it. */
function isRemoved(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}
