import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { logLines } from "../harness/log-lines.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { smallExt4 } from "../harness/small-disk.ts";

/** As after an error of the disk: ext4 takes nothing more, though files are open for writing. */
describe("a root that the kernel made read-only", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;
  let container = "";

  before(async () => {
    daemon = await TestDaemon.start({ prepare: ({ root }) => smallExt4(root, "64M") });
    await importBusybox(daemon);
    pod = await runPod(daemon, "there");
    container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
    const device = `$(basename $(findmnt -no SOURCE ${daemon.workspace.root}))`;
    const { stderr, code } = await daemon.inside(
      "sh",
      "-c",
      `echo test > /sys/fs/ext4/${device}/trigger_fs_error`,
    );
    assert.equal(code, 0, stderr);
  });

  after(() => daemon.close());

  const why = /\(ext4, .*\) (is read-only, as after|takes nothing since) an error of its disk/;
  const frozen = { kind: "internal", message: new RegExp(`berth\\.db: .*${why.source}`) };

  const create = () =>
    daemon.pods.createContainer({
      podSandboxId: pod.id,
      config: shellConfig("new", busyboxImage, "sleep 999"),
      sandboxConfig: pod.config,
    });

  test("changes say so at once, and what runs can be looked at and worked in", async () => {
    await assert.rejects(create(), { kind: "internal", message: why });
    // Linux 6.1 goes on taking what has its place in the database's log, until that is synced as nothing is written for a moment
    await eventually("no record to be taken", 10_000, async () => {
      await sleep(1000);
      return create().then(
        () => assert.fail("it was created"),
        (error: Error) => frozen.message.test(error.message) || undefined,
      );
    });
    await assert.rejects(daemon.pods.stopPodSandbox({ podSandboxId: pod.id }), frozen);
    const said = await daemon.pods.execSync({ containerId: container, cmd: ["echo", "here"], timeout: 10n });
    assert.equal(said.stdout.toString(), "here\n");
    assert.equal((await containerStatus(daemon, container)).state, ContainerState.CONTAINER_RUNNING);
  });

  test("the node is told not to be ready, the doctor and the log why", async () => {
    const ready = async () => {
      const { status } = await daemon.pods.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    assert.equal((await ready())?.status, false); // a record could not be written
    await eventually("the disk to be looked at", 15_000, async () =>
      (await ready())?.reason === "ReadOnlyFileSystem" ? true : undefined,
    );
    const doctor = await daemon.command("doctor", "disk");
    assert.match(doctor.stdout, /problem +root .* can't be written/);
    const told = logLines(daemon).filter(({ msg }) => /^nothing can be written/.test(String(msg)));
    assert.equal(told.length, 1);
  });

  test("a container that is stopped has ended, and what could not be recorded is said", async () => {
    await assert.rejects(daemon.pods.stopContainer({ containerId: container, timeout: 0n }), {
      message: /recording the exit of container .* (is read-only|takes nothing)/,
    });
  });
});
