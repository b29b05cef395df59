import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { noThinPool, TestThinPool } from "../../src/snapshot/testing/thin-pool.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  eventually,
  exited,
  type MadePod,
  podConfig,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";

/**
 * Containers whose files are on a device that their shim mounts where this host does not see it, as a virtual machine's guest does.
 * The shim is runc's under another name, in a mount namespace of its own: for berth one of which it knows nothing.
 */
const handler = "devices";
const realShim = process.env.BERTH_TEST_SHIM ?? "/usr/bin/containerd-shim-runc-v2";
const forever = "trap 'exit 3' TERM; while :; do sleep 0.1; done";

describe("containers whose shim mounts their devices itself", { skip: noThinPool() ?? false }, () => {
  let pool: TestThinPool;
  let daemon: TestDaemon;

  before(async () => {
    pool = new TestThinPool();
    daemon = await TestDaemon.start({ runtime: "runc" });
    const bin = join(daemon.workspace.directory, "bin");
    mkdirSync(bin);
    const shim = join(bin, "containerd-shim-elsewhere-v2");
    const script = `#!/bin/sh\nexec unshare --mount --propagation slave ${realShim} "$@"\n`;
    writeFileSync(shim, script, { mode: 0o755 });
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(
      join(dropIns, "devices.toml"),
      `[runtime.handlers.${handler}]\ntype = "${shim}"\nsnapshotter = "devmapper"\n` +
        `[snapshotters.devmapper]\npool = "${pool.name}"\nbaseSize = "512MiB"\n`,
    );
    await daemon.stop();
    await daemon.launch();
    await importBusybox(daemon);
  });
  after(async () => {
    try {
      await removeAllPods(daemon);
      await daemon.images.removeImage({ image: ImageSpec.create({ image: busyboxImage }) });
      await endDaemon(daemon);
      assert.deepEqual(devices(), [], "no thin device is left");
    } finally {
      pool[Symbol.dispose]();
    }
  });

  const run = (name: string) => runPod(daemon, name, {}, handler);
  const start = (pod: MadePod) => runContainer(daemon, pod, shellConfig("main", busyboxImage, forever));
  const exec = async (containerId: string, script: string) => {
    const cmd = ["/bin/sh", "-c", script];
    const { stdout, stderr, exitCode } = await daemon.pods.execSync({ containerId, cmd, timeout: 20n });
    assert.equal(exitCode, 0, `${script}: ${stderr}`);
    return stdout.toString().trim();
  };
  /** The pool's devices, and how often each is open. */
  const devices = () =>
    execFileSync("/sbin/dmsetup", ["info", "--columns", "--noheadings", "-o", "name,open"])
      .toString()
      .split("\n")
      .filter((line) => line.startsWith(`${pool.name}-`))
      .map((line) => Number(line.split(":")[1]));
  const mountedHere = () =>
    readFileSync("/proc/self/mountinfo", "utf8").includes(`/dev/mapper/${pool.name}-`);
  const written = async (containerId: string) => {
    const { stats } = await daemon.pods.containerStats({ containerId });
    return stats?.writableLayer?.usedBytes?.value ?? 0n;
  };

  test("files, commands and figures are those of the device, which nobody else mounts, over a kill of the daemon", async () => {
    const pod = await run("on-device");
    assert.deepEqual(devices(), [1], "the pod's own container has one, too");
    const id = await start(pod);
    assert.deepEqual([devices(), mountedHere()], [[1, 1], false]);
    assert.match(await exec(id, "grep ' / ' /proc/mounts"), /^\/dev\/mapper\/\S+ \/ ext4 rw/);
    assert.equal(await exec(id, "cat /www/index.html"), "hello from berth");
    await exec(id, "dd if=/dev/zero of=/big bs=1M count=3 2>/dev/null; sync; echo kept >/note");
    await daemon.kill();
    await daemon.launch();
    assert.equal(await exec(id, "cat /note"), "kept");
    const bytes = await eventually("what it wrote to be counted", 30_000, async () => {
      const counted = await written(id);
      return counted >= 3_000_000n ? counted : undefined;
    });
    assert.ok(bytes < 20_000_000n, `${bytes} bytes are said to have been written`);
    assert.deepEqual([devices(), mountedHere()], [[1, 1], false]);
    const copied = await daemon.command("cp", `${id}:/note`, daemon.workspace.directory);
    assert.notEqual(copied.code, 0);
    assert.match(copied.stderr, /are on a device that its sandbox has now[\s\S]*berth exec with tar/);

    await daemon.pods.stopContainer({ containerId: id, timeout: 5n });
    assert.equal((await exited(daemon, id)).exitCode, 3);
    await eventually("its shim to let go of the device", 30_000, async () =>
      devices().includes(0) ? true : undefined,
    );
    const late = await daemon.command("cp", `${id}:/note`, daemon.workspace.directory);
    assert.equal(late.code, 0, late.stderr);
    assert.equal(readFileSync(join(daemon.workspace.directory, "note"), "utf8"), "kept\n");
    await removePod(daemon, pod.id);
    assert.deepEqual([devices(), mountedHere()], [[], false]);
  });

  test("an attempt that kill -9 cut off is undone by the next daemon", async () => {
    for (const plan of ["RunPodSandbox/sandbox/after:kill", "CreateContainer/monitor/after:kill"]) {
      daemon.plant(plan);
      const config = podConfig(daemon, "cut");
      const made = daemon.pods.runPodSandbox({ config, runtimeHandler: handler });
      await assert.rejects(made.then(({ podSandboxId }) => start({ id: podSandboxId, config })));
      await daemon.ended();
      daemon.plant("");
      await daemon.launch();
    }
  });
});
