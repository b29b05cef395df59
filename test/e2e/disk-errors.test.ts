import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { FailingDisk, noFailingDisks } from "../harness/failing-disk.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import {
  containerStatus,
  eventually,
  exited,
  type MadePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const skip = privileged.skip || noFailingDisks;
if (skip) process.stderr.write(`\n*** disks that answer with errors: ${skip} ***\n\n`);

const why = {
  ext4: /takes nothing since an error of its disk \(journalctl -k\).*mounted anew, as a rule by a reboot/,
  xfs: /can't be read or written as it should: journalctl -k.*mounted anew, as a rule by a reboot/,
};

for (const type of ["ext4", "xfs"] as const) {
  describe(`a root on ${type}, whose disk fails every write for a while`, { skip }, () => {
    let disk: FailingDisk;
    let daemon: TestDaemon;
    let pod: MadePod;
    let container = "";
    let init = 0;

    before(async () => {
      disk = new FailingDisk(400 << 20);
      daemon = await TestDaemon.start({ prepare: ({ root }) => disk.mountedAt(root, type) });
      await importBusybox(daemon);
      pod = await runPod(daemon, "there");
      container = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 999"));
      const { info } = await daemon.pods.containerStatus({ containerId: container, verbose: true });
      init = Number(JSON.parse(info.info ?? "").pid);
      await succeeds("sync", "--file-system", daemon.workspace.root); // what is not on the disk yet is lost
    });

    after(async () => {
      await endDaemon(daemon);
      await disk.remove();
    });

    const create = () =>
      daemon.pods.createContainer({
        podSandboxId: pod.id,
        config: shellConfig("new", busyboxImage, "sleep 999"),
        sandboxConfig: pod.config,
      });

    async function ready() {
      const { status } = await daemon.pods.status({ verbose: false });
      return status?.conditions.find((condition) => condition.type === "RuntimeReady");
    }

    async function succeeds(...command: readonly string[]): Promise<void> {
      const { code, stderr } = await daemon.inside(...command);
      assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
    }

    /** The kernel finds out when it writes what is in memory. */
    async function fail(): Promise<void> {
      disk.isFailing = true;
      const { root } = daemon.workspace;
      await daemon.inside("sh", "-c", `echo > ${root}/file; sync --file-system ${root}`);
    }

    if (type === "ext4")
      test("changes say so, the node is not ready, what runs goes on; a disk that is well again changes nothing", async () => {
        await fail();
        await assert.rejects(create(), { kind: "internal", message: why.ext4 });
        const told = await eventually("the node not to be ready", 30_000, async () => {
          const condition = await ready(); // Linux 6.1 takes records in room that the log has; their sync tells
          return condition?.status === false ? condition : undefined;
        });
        assert.match(told.message, why.ext4);
        assert.equal((await containerStatus(daemon, container)).state, ContainerState.CONTAINER_RUNNING);
        disk.isFailing = false;
        await daemon.inside("mount", "-o", "remount,rw", daemon.workspace.root);
        await assert.rejects(create(), { kind: "internal", message: why.ext4 });
        await assert.rejects(daemon.pods.stopContainer({ containerId: container, timeout: 0n }), {
          message: why.ext4,
        });
        await daemon.stop();
      });
    else
      test("the daemon fails or ends, and can't start; containers run on", async () => {
        await fail();
        await assert.rejects(create());
        await daemon.kill(); // by SIGBUS it ends by itself: what SQLite has mapped of the disk is gone
        assert.ok(existsSync(`/proc/${init}`));
        disk.isFailing = false;
        await assert.rejects(daemon.launch(), { message: why.xfs });
        process.kill(init, "SIGKILL");
      });

    test("mounted anew, as by a reboot, all is there and goes on", async () => {
      const { root, state } = daemon.workspace;
      await eventually(
        "the container to be gone",
        30_000,
        async () => !existsSync(`/proc/${init}`) || undefined,
      );
      await succeeds(
        "sh",
        "-c",
        `for c in ${state}/containers/*; do umount -c $c/rootfs; done; umount -c ${root}`,
      );
      await succeeds("mount", disk.device, root);
      await daemon.launch();
      assert.equal((await exited(daemon, container)).exitCode, 137);
      assert.equal((await ready())?.status, true);
      await daemon.pods.startContainer(await create());
    });
  });
}
