import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ContainerState } from "../../src/wire/gen/runtime.v1.ts";
import { sameProgramPath, withCriu } from "../harness/criu.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  type MadePod,
  removeAllPods,
  removePod,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

/** Counts in memory, and tells of it in a file and in its log. */
const counter = "i=0; rm /bin/true; while :; do i=$((i+1)); echo $i | tee /count; sleep 0.05; done";

describe("checkpoint and restore", privileged, () => {
  let daemon: TestDaemon;
  let archives: string;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc" });
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns);
    writeFileSync(join(dropIns, "path.toml"), `[runtime]\n${sameProgramPath}\n`);
    await daemon.stop();
    await daemon.launch();
    await importBusybox(daemon);
    archives = join(daemon.workspace.directory, "archives");
    mkdirSync(archives);
  });

  after(async () => {
    try {
      await removeAllPods(daemon);
      await assertNoLeaks(daemon);
    } finally {
      await daemon.close();
    }
  });

  const fileIn = async (id: string, path: string) => {
    const { stdout } = await daemon.pods.execSync({ containerId: id, cmd: ["cat", path], timeout: 10n });
    return Buffer.from(stdout).toString();
  };
  const countOf = (id: string) =>
    eventually("a count", 5000, async () => Number(await fileIn(id, "/count")) || undefined);

  async function assertCounts(id: string): Promise<number> {
    const from = await countOf(id);
    return await eventually("the count to go on", 5000, async () => {
      const now = await countOf(id);
      return now > from ? now : undefined;
    });
  }

  async function logOf(id: string): Promise<string> {
    return readFileSync((await containerStatus(daemon, id)).logPath, "utf8");
  }

  async function runCounter(pod: MadePod): Promise<string> {
    const id = await runContainer(daemon, pod, shellConfig("counter", busyboxImage, counter));
    await countOf(id);
    return id;
  }

  describe("with CRIU", withCriu, () => {
    test("an archive is as other runtimes write it, and the container counts on", async () => {
      const pod = await runPod(daemon, "archived");
      const id = await runCounter(pod);
      const location = join(archives, "counter.tar");
      await daemon.pods.checkpointContainer({ containerId: id, location, timeout: 30n });
      await assertCounts(id);
      assert.equal(statSync(location).mode & 0o777, 0o600);
      const names = execFileSync("tar", ["-tf", location], { encoding: "utf8" }).split("\n");
      for (const name of ["config.dump", "spec.dump", "status.dump", "dump.log", "checkpoint/inventory.img"])
        assert.ok(names.includes(name), `${name} in ${names.join(" ")}`);
      const read = (name: string) => execFileSync("tar", ["-xOf", location, name], { encoding: "utf8" });
      const { id: told, name, rootfsImageName } = JSON.parse(read("config.dump"));
      assert.deepEqual([told, name, rootfsImageName], [id, "counter", busyboxImage]);
      assert.deepEqual(JSON.parse(read("deleted.files")), ["/bin/true"]);
      assert.match(read("container.log"), / stdout F 1\n/);
      await assert.rejects(
        daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n }),
        /is there already/,
      );
      assert.deepEqual(readdirSync(join(daemon.workspace.root, "checkpoints")), []);
      await removePod(daemon, pod.id);
    });

    test("a container goes on from the count of one that is gone: files, log, exec, stop, and a second time", async () => {
      const pod = await runPod(daemon, "first");
      const id = await runCounter(pod);
      const location = join(archives, "again.tar");
      await daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n });
      await removePod(daemon, pod.id);

      const again = await runPod(daemon, "second");
      const restored = await runContainer(
        daemon,
        again,
        shellConfig("restored", location, "", { command: [] }),
      );
      const count = await assertCounts(restored);
      assert.ok(count > 1, "not from the beginning");
      const log = await logOf(restored);
      const counts = Array.from(log.matchAll(/ stdout F (\d+)\n/g), ([, text]) => Number(text));
      assert.equal(counts[0], 1, "its log begins with what was before");
      assert.ok(
        counts.every((one, index) => index === 0 || one > (counts[index - 1] ?? 0)),
        log,
      );
      const { exitCode } = await daemon.pods.execSync({
        containerId: restored,
        cmd: ["ls", "/bin/true"],
        timeout: 5n,
      });
      assert.notEqual(exitCode, 0, "what was deleted is not there");
      assert.equal((await containerStatus(daemon, restored)).image?.image, location);

      const second = join(archives, "second.tar");
      await daemon.pods.checkpointContainer({ containerId: restored, location: second, timeout: 0n });
      const config = JSON.parse(execFileSync("tar", ["-xOf", second, "config.dump"], { encoding: "utf8" }));
      assert.deepEqual([config.restored, config.rootfsImage], [true, busyboxImage]);
      assert.deepEqual(
        JSON.parse(execFileSync("tar", ["-xOf", second, "deleted.files"], { encoding: "utf8" })),
        ["/bin/true"],
      );
      await daemon.pods.stopContainer({ containerId: restored, timeout: 0n });
      const status = await containerStatus(daemon, restored);
      assert.deepEqual([status.state, status.exitCode], [ContainerState.CONTAINER_EXITED, 137]);
      await removePod(daemon, again.id);
      assert.deepEqual(readdirSync(join(daemon.workspace.root, "checkpoints")), []);
    });
  });
});
