import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { mediaTypes } from "../../src/spec/oci-image.ts";
import { ContainerState, ImageSpec, Mount } from "../../src/wire/gen/runtime.v1.ts";
import { criuProblem, sameProgramPath, withCriu } from "../harness/criu.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
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
import { shimHandler, shimHandlerConfig } from "../harness/shim-handler.ts";

/** A runc that takes its time: says what it is about to do, and waits before and after. */
const slowRunc = `#!/bin/sh
for word; do case $word in checkpoint | restore) verb=$word;; esac; done
[ -n "$verb" ] || exec runc "$@"
touch "$0.$verb"
sleep 0.2
runc "$@"
code=$?
sleep 0.2
exit $code
`;

/** As Debian builds crun: it knows no checkpoints. */
const runcWithout = `#!/bin/sh
for word; do [ "$word" = checkpoint ] && { echo "unknown command checkpoint" >&2; exit 1; }; done
exec runc "$@"
`;

/** By conmon; by containerd's shim, where BERTH_TEST_SHIM names one. */
const underShim = process.env.BERTH_TEST_SHIM !== undefined;

function handlerWith(name: string, runtime: string): string {
  if (!underShim) return `[runtime.handlers.${name}]\nbinary = "${runtime}"\n`;
  return `${shimHandlerConfig.replace(shimHandler, name)}options = { BinaryName = "${runtime}" }\n`;
}

/** Counts in memory, and tells of it in a file and in its log. */
const counter = "i=0; rm /bin/true; while :; do i=$((i+1)); echo $i | tee /count; sleep 0.05; done";

describe("checkpoint and restore", privileged, () => {
  let daemon: TestDaemon;
  let archives: string;
  let slow: string;

  before(async () => {
    daemon = await TestDaemon.start(
      underShim
        ? { runtime: "runc", handler: shimHandler, extraConfig: shimHandlerConfig }
        : { runtime: "runc" },
    );
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns);
    slow = join(daemon.workspace.directory, "slow-runc");
    writeFileSync(slow, slowRunc, { mode: 0o755 });
    const without = join(daemon.workspace.directory, "runc-without");
    writeFileSync(without, runcWithout, { mode: 0o755 });
    const handler = [handlerWith("slow", slow), handlerWith("without", without)].join("\n");
    writeFileSync(join(dropIns, "path.toml"), `[runtime]\n${sameProgramPath}\n${handler}`);
    await daemon.stop();
    await daemon.launch();
    await importBusybox(daemon);
    archives = join(daemon.workspace.directory, "archives");
    mkdirSync(archives);
  });

  after(() => endDaemon(daemon));

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

  test("what can't be checkpointed is refused with the reason, and nothing happens to it", async () => {
    const config = podConfig(daemon, "refused");
    const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "without" });
    const pod = { id: podSandboxId, config };
    const id = await runCounter(pod);
    const location = join(archives, "refused.tar");
    const ask = (containerId: string, at: string) =>
      daemon.pods.checkpointContainer({ containerId, location: at, timeout: 0n });
    await assert.rejects(ask(id, "relative.tar"), /location "relative.tar": must be an absolute path/);
    await assert.rejects(ask("none", location), /there is no container none/);
    await assert.rejects(ask(id, location), /checkpoints can't work here: .*built without checkpoints/);
    const restore = runContainer(daemon, pod, shellConfig("again", location, ""));
    await assert.rejects(restore, /checkpoints can't work here: .*built without checkpoints/);
    await assertCounts(id);
    assert.deepEqual(readdirSync(archives), []);
    await removePod(daemon, podSandboxId);
  });

  /** An image with an archive's files as its layer, as `buildah add` makes it. */
  async function importArchive(archive: string, image: string, annotation: string): Promise<void> {
    const layout = join(daemon.workspace.directory, `layout-${image.replaceAll(/\W/g, "-")}`);
    const blobs = join(layout, "blobs/sha256");
    mkdirSync(blobs, { recursive: true });
    const add = (bytes: Uint8Array, mediaType: string) => {
      const hex = createHash("sha256").update(bytes).digest("hex");
      writeFileSync(join(blobs, hex), bytes);
      return { mediaType, size: bytes.length, digest: `sha256:${hex}` };
    };
    const addJson = (value: unknown, mediaType: string) => add(Buffer.from(JSON.stringify(value)), mediaType);
    const layer = add(readFileSync(archive), mediaTypes.ociLayer);
    const rootfs = { type: "layers", diff_ids: [layer.digest] };
    const config = addJson({ architecture: "amd64", os: "linux", rootfs }, mediaTypes.ociConfig);
    const annotations = { [annotation]: "counter" };
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config,
      layers: [layer],
      annotations,
    };
    const named = { "org.opencontainers.image.ref.name": image };
    const listed = { ...addJson(manifest, mediaTypes.ociManifest), annotations: named };
    writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [listed] }));
    await daemon.berth.import({ path: layout });
  }

  test("an image that holds a checkpoint is not restored unless the settings say so", async () => {
    const archive = join(daemon.workspace.directory, "any.tar");
    execFileSync("tar", ["-cf", archive, "-C", "/etc", "hostname"]);
    const image = "test.berth.example/any:checkpoint";
    await importArchive(archive, image, "org.criu.checkpoint.container.name");
    const pod = await runPod(daemon, "forbidden");
    const made = runContainer(daemon, pod, shellConfig("forbidden", image, "", { command: [] }));
    await assert.rejects(
      made,
      /any:checkpoint" holds a checkpoint, and none is restored from an image .*checkpoint\.images/,
    );
    await removePod(daemon, pod.id);
  });

  const unable = criuProblem === undefined ? { skip: "NOT RUN: criu works here" } : {};
  test("where CRIU can't work, its word is told, and the container runs on", unable, async () => {
    const pod = await runPod(daemon, "unable");
    const id = await runCounter(pod);
    const location = join(archives, "unable.tar");
    const asked = daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n });
    await assert.rejects(
      asked,
      /checkpoints can't work here: (there is no criu|criu [0-9.]+ .* kernel .*: )/,
    );
    await assertCounts(id);
    assert.deepEqual(readdirSync(archives), []);
    await removePod(daemon, pod.id);
  });

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

    /** A new daemon, once it has put right what the last one left. */
    async function launchAgain(): Promise<void> {
      daemon.plant("");
      await daemon.launch();
      await eventually("the last daemon's checkpoint to go", 10_000, async () =>
        readdirSync(join(daemon.workspace.root, "checkpoints")).length === 0 ? true : undefined,
      );
    }

    for (const point of ["dump/before", "dump/after"]) {
      test(`kill -9 of the daemon in a checkpoint, at ${point}: the container runs on, and nothing is left`, async () => {
        const pod = await runPod(daemon, "killed");
        const id = await runCounter(pod);
        const location = join(archives, "killed.tar");
        daemon.plant(`CheckpointContainer/${point}:kill`);
        await assert.rejects(daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n }));
        await daemon.ended();
        await launchAgain();
        await assertCounts(id);
        assert.ok(!readdirSync(archives).some((name) => name.startsWith("killed")));
        await removePod(daemon, pod.id);
      });
    }

    test("kill -9 of the daemon while CRIU works: the dump ends by itself, the container runs on", async () => {
      const config = podConfig(daemon, "killed");
      const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "slow" });
      const id = await runCounter({ id: podSandboxId, config });
      const location = join(archives, "killed.tar");
      const asked = daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n });
      await Promise.all([assert.rejects(asked), killWhen("checkpoint")]);
      await launchAgain();
      await assertCounts(id);
      assert.ok(!existsSync(location));
      await daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n });
      await removePod(daemon, podSandboxId);
    });

    async function killWhen(verb: "checkpoint" | "restore"): Promise<void> {
      const sign = `${slow}.${verb}`;
      await eventually(`runc ${verb}`, 10_000, async () => (existsSync(sign) ? true : undefined));
      await daemon.kill();
      rmSync(sign);
    }

    test("kill -9 of the daemon in a restore: the next start restores, or finds it restored", async () => {
      const location = join(archives, "killed.tar");
      const kills: readonly (() => Promise<void>)[] = [
        () => killWhen("restore"),
        ...["before", "after"].map((when) => async () => {
          daemon.plant(`StartContainer/start/${when}:kill`);
          await daemon.ended();
        }),
      ];
      for (const kill of kills) {
        const config = podConfig(daemon, "restored");
        const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "slow" });
        const container = shellConfig("restored", location, "", { command: [] });
        const request = { podSandboxId, config: container, sandboxConfig: config };
        const { containerId } = await daemon.pods.createContainer(request);
        assert.equal((await containerStatus(daemon, containerId)).state, ContainerState.CONTAINER_CREATED);
        const killed = kill();
        await assert.rejects(Promise.all([daemon.pods.startContainer({ containerId }), killed]));
        await killed;
        daemon.plant("");
        await daemon.launch();
        await daemon.pods.startContainer({ containerId });
        await assertCounts(containerId);
        await removePod(daemon, podSandboxId);
      }
      assert.deepEqual(readdirSync(join(daemon.workspace.root, "checkpoints")), []);
    });

    test("when its time is over, the caller hears of it, and the container runs on", async () => {
      const config = podConfig(daemon, "late");
      const { podSandboxId } = await daemon.pods.runPodSandbox({ config, runtimeHandler: "slow" });
      const id = await runCounter({ id: podSandboxId, config });
      // longer than CRIU takes to begin, and shorter than the slow runtime to end
      writeFileSync(slow, slowRunc.replaceAll("sleep 0.2", "sleep 0.8"));
      const location = join(archives, "late.tar");
      const asked = daemon.pods.checkpointContainer({ containerId: id, location, timeout: 1n });
      await assert.rejects(asked, /took too long/);
      writeFileSync(slow, slowRunc);
      await eventually("its files to go", 15_000, async () =>
        readdirSync(join(daemon.workspace.root, "checkpoints")).length === 0 ? true : undefined,
      );
      await assertCounts(id);
      assert.ok(!existsSync(location));
      await removePod(daemon, podSandboxId);
    });

    test("mounts of the checkpointed container must be given again", async () => {
      const pod = await runPod(daemon, "mounted");
      const data = join(daemon.workspace.directory, "data");
      mkdirSync(data);
      const mounts = [Mount.create({ containerPath: "/data", hostPath: data })];
      const id = await runContainer(daemon, pod, shellConfig("counter", busyboxImage, counter, { mounts }));
      await countOf(id);
      const location = join(archives, "mounted.tar");
      await daemon.pods.checkpointContainer({ containerId: id, location, timeout: 0n });
      const again = (overrides: object) => shellConfig("again", location, "", { command: [], ...overrides });
      await assert.rejects(runContainer(daemon, pod, again({})), /had mounts at \/data.*mount something/);
      await assertCounts(await runContainer(daemon, pod, again({ mounts })));
      await removePod(daemon, pod.id);
    });

    test("a pod: its containers at one moment, and a new pod in which they go on", async () => {
      const pod = await runPod(daemon, "whole");
      const names = ["one", "two"];
      for (const name of names)
        await countOf(await runContainer(daemon, pod, shellConfig(name, busyboxImage, counter)));
      const outputPath = join(archives, "pod.tar");
      const ask = { podSandboxId: pod.id, containerIds: [], options: {} };
      await daemon.pods.checkpointPod({ ...ask, outputPath });
      const read = (name: string) =>
        JSON.parse(execFileSync("tar", ["-xOf", outputPath, name], { encoding: "utf8" }));
      assert.deepEqual(Object.keys(read("pod.options").containers).toSorted(), names);
      assert.equal(read("pod.dump").config.metadata.name, "whole");
      assert.ok(read("network.status").addresses[0].startsWith(daemon.workspace.subnet));
      const other = { ...ask, outputPath: join(archives, "pod2.tar") };
      await assert.rejects(
        daemon.pods.checkpointPod({ ...other, containerIds: ["no"] }),
        /has no container no/,
      );
      await assert.rejects(daemon.pods.checkpointPod({ ...other, options: { a: "b" } }), /"a" is not known/);
      await removePod(daemon, pod.id);

      const request = {
        checkpointPath: outputPath,
        config: podConfig(daemon, "anew"),
        runtimeHandler: "",
        options: {},
        containerConfigs: names.map((name) => shellConfig(name, busyboxImage, counter)),
      };
      const one = request.containerConfigs.slice(0, 1);
      await assert.rejects(
        daemon.pods.restorePod({ ...request, containerConfigs: one }),
        /the archive has two, too/,
      );
      assert.deepEqual((await daemon.pods.listPodSandbox({})).items, []);
      const restored = await daemon.pods.restorePod(request);
      assert.deepEqual(
        restored.restoredContainers.map(({ name }) => name),
        names,
      );
      for (const { containerId } of restored.restoredContainers) {
        assert.ok((await assertCounts(containerId)) > 1);
        assert.match(await logOf(containerId), /^\S+ stdout F 1\n/, "they did not begin anew");
      }
      assert.deepEqual(await daemon.pods.restorePod(request), restored, "a repeat finds what is there");
      await removePod(daemon, restored.podSandboxId);
    });

    test("a container goes on from an image, once the settings say so; the image may go meanwhile", async () => {
      const allowed = join(daemon.workspace.directory, "config.d/images.toml");
      writeFileSync(allowed, "[checkpoint]\nimages = true\n");
      await daemon.stop();
      await daemon.launch();
      const pod = await runPod(daemon, "packed");
      const id = await runCounter(pod);
      const archive = join(archives, "packed.tar");
      await daemon.pods.checkpointContainer({ containerId: id, location: archive, timeout: 0n });
      const reached = await countOf(id);
      await removePod(daemon, pod.id);

      const image = "test.berth.example/packed:checkpoint";
      await importArchive(archive, image, "io.kubernetes.cri-o.annotations.checkpoint.name");
      const again = await runPod(daemon, "unpacked");
      const config = shellConfig("unpacked", image, "", { command: [] });
      const { containerId } = await daemon.pods.createContainer({
        podSandboxId: again.id,
        config,
        sandboxConfig: again.config,
      });
      await daemon.images.removeImage({ image: ImageSpec.create({ image }) });
      await daemon.pods.startContainer({ containerId });
      assert.ok((await assertCounts(containerId)) > reached / 2, "not from the beginning");
      await removePod(daemon, again.id);
      rmSync(allowed);
      await daemon.stop();
      await daemon.launch();
    });

    test("by hand: berth checkpoint, berth rm, berth restore", async () => {
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await daemon.command(...args);
        assert.equal(code, 0, stderr);
        return stdout.trim();
      };
      const id = await run("run", "-d", "--name", "byhand", busyboxImage, "sh", "-c", counter);
      await countOf(id);
      const archive = join(archives, "byhand.tar");
      assert.equal(await run("checkpoint", "--export", archive, "byhand"), archive);
      await run("rm", "-f", "byhand");
      const restored = await run("restore", "--name", "goeson", archive);
      await assertCounts(restored);
      await run("rm", "-f", "goeson");
    });
  });
});
