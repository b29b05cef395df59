import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startImageServer } from "../../src/image/testing/image-server.ts";
import { makeImage, randomLayer } from "../../src/registry/testing/made-image.ts";
import { ContainerState, ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { logLines } from "../harness/log-lines.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  podConfig,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { emptyDisk, fillDisk, leaveFree, smallExt4, smallTmpfs } from "../harness/small-disk.ts";
import { file } from "../images/busybox.ts";
import { writeOciArchive } from "../images/image.ts";

const otherImage = "test.berth.example/other:1";
/** Ends with 3 when it is told to; else it writes a line now and then. */
const talking = `padding=${"x".repeat(500)}; trap 'exit 3' TERM; i=0; while true; do i=$((i+1)); echo line $i $padding; sleep 0.05; done`;

/** Disks that are really full: an ext4 of its own for root, small file systems in memory for the rest. */
describe("a full disk", privileged, () => {
  let daemon: TestDaemon;
  let root = "";
  let state = "";
  let logs = "";

  before(async () => {
    daemon = await TestDaemon.start({
      prepare: (workspace) =>
        [
          smallExt4(workspace.root, "72M", "-N 3000"),
          smallTmpfs(workspace.state, "size=16m"),
          smallTmpfs(workspace.logs, "size=8m,nr_inodes=1000"),
        ].join("\n"),
    });
    ({ root, state, logs } = daemon.workspace);
    await importBusybox(daemon);
    await daemon.berth.import({ path: await archive("other", 100_000) });
  });

  after(() => endDaemon(daemon));

  async function archive(name: string, bytes: number): Promise<string> {
    const path = join(daemon.workspace.directory, `${name}.tar`);
    const recipe = {
      name: `test.berth.example/${name}:1`,
      layers: [[file("data", randomBytes(bytes))]],
      config: {},
    };
    await writeOciArchive(recipe, path);
    return path;
  }

  const create = (pod: MadePod, name: string) =>
    daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig(name, busyboxImage, "sleep 999"),
      sandboxConfig: pod.config,
    });

  /** Ends the container by itself, not by a call that would wait for its record. */
  const tell = (containerId: string) =>
    daemon.pods.execSync({ containerId, cmd: ["kill", "-TERM", "1"], timeout: 10n });

  const logOf = async (pod: MadePod) =>
    (await daemon.inside("cat", join(pod.config.logDirectory, "main.log"))).stdout;

  const condition = async (type: string) =>
    (await daemon.pods.status({ verbose: false })).status?.conditions.find((each) => each.type === type);

  for (const what of ["bytes", "inodes"] as const) {
    test(`root without ${what}: what runs goes on, ends are recorded, and removing frees it; new things say what is full`, async () => {
      const left =
        what === "bytes"
          ? /\(ext4, .*\) has [\d.]+k?M?B of [\d.]+MB left: berth prune --all/
          : /has \d+ of its \d+ inodes left/;
      const pod = await runPod(daemon, `stays-${what}`);
      const container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, talking));
      const victim = await runPod(daemon, `goes-${what}`);
      const ending = await runContainer(daemon, victim, shellConfig("main", busyboxImage, talking));
      const { containerId: late } = await create(victim, "late");
      const another = await archive(`another-${what}`, 3_000_000);
      await fillDisk(daemon, root, what);

      const full = { kind: "exhausted", message: left };
      await assert.rejects(create(pod, "new"), full);
      await assert.rejects(daemon.berth.import({ path: another }), full);
      await daemon.pods.startContainer({ containerId: late });
      await tell(ending);
      const { exitCode, reason } = await exited(daemon, ending);
      assert.deepEqual([exitCode, reason], [3, "Error"]);

      await daemon.kill();
      await daemon.launch();
      assert.equal((await containerStatus(daemon, container)).state, ContainerState.CONTAINER_RUNNING);
      const storage = await eventually("a condition", 15_000, () => condition("StorageReady"));
      assert.deepEqual([storage.status, storage.reason], [false, "FileSystemFull"]);
      assert.match(storage.message, left);
      assert.equal((await condition("RuntimeReady"))?.status, true);
      await fillDisk(daemon, root, what); // the start has let go of some
      await assert.rejects(daemon.berth.import({ path: another }), full);
      assert.equal(
        (await daemon.pods.execSync({ containerId: container, cmd: ["true"], timeout: 10n })).exitCode,
        0,
      );
      await removePod(daemon, victim.id);

      await emptyDisk(daemon, root);
      await create(pod, "new");
      assert.match(await logOf(pod), /line \d+ x+\n$/);
      await removePod(daemon, pod.id);
    });
  }

  test("a pull that fills the disk gives back what it took; one to a full disk says so at its first file", async () => {
    await using server = await startImageServer();
    server.add("large", "1", makeImage([randomLayer("large", 12 << 20, 3)]));
    server.add("small", "1", makeImage([randomLayer("small", 1 << 20, 4)]));
    const pull = (name: string) =>
      daemon.images.pullImage({ image: ImageSpec.create({ image: `${server.host}/${name}:1` }) });
    const full = { kind: "exhausted", message: /ENOSPC.*\(ext4, .*\) has .* left: berth prune --all/ };
    await leaveFree(daemon, root, 9);
    await assert.rejects(pull("large"), full);
    await pull("small");
    await daemon.images.removeImage({ image: ImageSpec.create({ image: `${server.host}/small:1` }) });
    await fillDisk(daemon, root);
    await assert.rejects(pull("small"), full);
    await emptyDisk(daemon, root);
    await pull("small");
  });

  test("images are removed from a full disk, and what was too large comes then", async () => {
    const large = await archive("large", 3_000_000);
    await fillDisk(daemon, root);
    await assert.rejects(daemon.berth.import({ path: large }), { kind: "exhausted" });
    await daemon.images.removeImage({ image: ImageSpec.create({ image: otherImage }) });
    const { code, stderr } = await daemon.command("prune", "--all");
    assert.equal(code, 0, stderr);
    assert.deepEqual((await daemon.images.listImages({})).images, []);
    await emptyDisk(daemon, root);
    await daemon.berth.import({ path: large });
    await importBusybox(daemon);
  });

  test("state is full: what runs goes on, an end is told though its code is lost, and all is as before when it is not", async () => {
    const pod = await runPod(daemon, "beside");
    const container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, talking));
    const ending = await runContainer(daemon, pod, shellConfig("ending", busyboxImage, talking));
    await fillDisk(daemon, state);
    const full = { kind: "exhausted", message: /\(tmpfs\) has [\d.]+k?M?B of .*MB left/ };
    await assert.rejects(
      daemon.pods.runPodSandbox({ config: podConfig(daemon, "no"), runtimeHandler: "" }),
      full,
    );
    await assert.rejects(create(pod, "new"), full);
    await assert.rejects(tell(ending), { kind: "exhausted", message: /writing .*exec-.*: ENOSPC/ });
    process.kill(await initOf(ending), "SIGTERM");
    await daemon.kill();
    await daemon.launch(); // looks for exits at once
    const { reason, message } = await exited(daemon, ending);
    assert.equal(reason, "MonitorLost");
    assert.match(message, /no room to note the exit/);
    assert.equal((await condition("RuntimeReady"))?.status, false);
    await emptyDisk(daemon, state);
    await eventually(
      "the runtime to be tried out again",
      30_000,
      async () => (await condition("RuntimeReady"))?.status || undefined,
    );
    await tell(container);
    assert.equal((await exited(daemon, container)).exitCode, 3);
    await create(pod, "new");
    await removePod(daemon, pod.id);
  });

  test("logs are full: lines are lost, the container is not held up, and its log goes on", async () => {
    const pod = await runPod(daemon, "logging");
    const container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, talking));
    await fillDisk(daemon, logs);
    const count = "sed -n s/^wchar:.//p /proc/1/io";
    const look = async () => [
      await logOf(pod),
      (
        await daemon.pods.execSync({ containerId: container, cmd: ["sh", "-c", count], timeout: 10n })
      ).stdout.toString(),
    ];
    const before = await eventually("the container to write on, and its log not to", 20_000, async () => {
      const [[log, written], [later, more]] = [await look(), await look()];
      return log === later && written !== more ? log : undefined;
    });
    await emptyDisk(daemon, logs);
    await eventually(
      "the log to go on",
      10_000,
      async () => (await logOf(pod)).length > before.length + 1000 || undefined,
    );
    await removePod(daemon, pod.id);
  });

  test("logs without inodes: one that is to be begun anew goes on in the old file, and the container runs on", async () => {
    const pod = await runPod(daemon, "rotating");
    const containerId = await runContainer(daemon, pod, shellConfig("main", busyboxImage, talking));
    await fillDisk(daemon, logs, "inodes");
    const log = join(pod.config.logDirectory, "main.log");
    await daemon.inside("mv", log, `${log}.1`);
    await assert.rejects(daemon.pods.reopenContainerLog({ containerId }), {
      kind: "exhausted",
      message: /beginning its log anew: ENOSPC/,
    });
    assert.equal((await containerStatus(daemon, containerId)).state, ContainerState.CONTAINER_RUNNING);
    await emptyDisk(daemon, logs);
    await daemon.pods.reopenContainerLog({ containerId });
    await eventually("the new file", 10_000, async () => /line/.test(await logOf(pod)) || undefined);
    await removePod(daemon, pod.id);
  });

  test("the log is told of a full disk once, and not of each try", () => {
    const told = logLines(daemon).filter(({ msg }) => /^nothing can be written/.test(String(msg)));
    assert.ok(told.length <= 8, JSON.stringify(told.map(({ msg }) => msg)));
  });

  async function initOf(containerId: string): Promise<number> {
    const { info } = await daemon.pods.containerStatus({ containerId, verbose: true });
    return Number(JSON.parse(info.info ?? "{}").pid);
  }
});
