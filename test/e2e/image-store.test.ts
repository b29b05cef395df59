import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { runProgram } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { eventually, removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";

describe("the store of a daemon that keeps blobs", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let kept = "";
  let other = "";

  before(async () => {
    registry = await TestRegistry.start();
    kept = await registry.push({ layers: [busyboxLayer(), page("kept")], config: {} }, "store/kept:1");
    other = await registry.push({ layers: [busyboxLayer(), page("other")], config: {} }, "store/other:1");
    daemon = await TestDaemon.start({ runtime: "crun", extraConfig: "[image]\nkeepLayerBlobs = true\n" });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
  });

  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.close();
    }
  });

  const pull = (image: string) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: registry.auth,
      sandboxConfig: undefined,
    });
  const remove = (image: string) => daemon.images.removeImage({ image: ImageSpec.create({ image }) });
  const listed = async () => {
    const { images } = await daemon.images.listImages({});
    return new Map(images.map(({ repoTags, pinned }) => [repoTags[0], pinned]));
  };
  const layout = () => join(daemon.workspace.root, "content");
  const copied = (name: string) => join(daemon.workspace.directory, name);
  const succeeds = async (...command: string[]) => {
    const { code, stdout, stderr } = await runProgram(command);
    assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
    return stdout;
  };

  test("skopeo and umoci read it as it is", async () => {
    await pull(kept);
    const { Digest, Layers } = JSON.parse(await succeeds("skopeo", "inspect", `oci:${layout()}:${kept}`));
    assert.equal(Layers.length, 2);
    const { image } = await daemon.images.imageStatus({
      image: ImageSpec.create({ image: kept }),
      verbose: true,
    });
    assert.deepEqual(image?.repoDigests, [`${kept.slice(0, -2)}@${Digest}`]);
    await succeeds(
      ...["skopeo", "copy", "--quiet", "--insecure-policy"],
      ...[`oci:${layout()}:${kept}`, `dir:${copied("by-skopeo")}`],
    );
    const tags = (await succeeds("umoci", "ls", "--layout", layout())).trim().split("\n");
    assert.deepEqual(tags.sort(), [busyboxImage, kept].sort());
    await succeeds("umoci", "unpack", "--image", `${layout()}:${kept}`, copied("by-umoci"));
    assert.equal(readFileSync(join(copied("by-umoci"), "rootfs/www/kept.html"), "utf8"), "kept");
  });

  test("a reader that comes while images come and go finds a whole layout each time", async () => {
    let over = false;
    const changing = (async () => {
      for (let turn = 0; turn < 4; turn++) {
        await pull(other);
        await remove(other);
      }
    })().finally(() => {
      over = true;
    });
    let read = 0;
    for (; !over; read++) {
      const { Layers } = JSON.parse(await succeeds("skopeo", "inspect", `oci:${layout()}:${kept}`));
      assert.equal(Layers.length, 2);
    }
    await changing;
    assert.ok(read > 0);
    assert.doesNotMatch(await succeeds("umoci", "ls", "--layout", layout()), /store\/other/);
  });

  test("what is pinned is told, survives a prune, and is read again on HUP", async () => {
    await pull(other);
    pin('["*store/kept*"]');
    await eventually("the pin", 5000, async () => ((await listed()).get(kept) ? true : undefined));
    assert.deepEqual(
      await listed(),
      new Map([
        [busyboxImage, false],
        [kept, true],
        [other, false],
      ]),
    );
    const pod = await runPod(daemon, "user");
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 9999"));
    assert.equal((await daemon.command("rmi", "--prune")).code, 0);
    assert.deepEqual([...(await listed()).keys()].sort(), [busyboxImage, kept].sort());

    pin("[]");
    await eventually("no pin", 5000, async () => ((await listed()).get(kept) ? undefined : true));
    await daemon.stop();
    pin('["busybox", "test.berth.example/*"]', false);
    await daemon.launch();
    assert.equal((await listed()).get(busyboxImage), true, "of an image that was here before the setting");
  });

  test("an image that a container was made from stays; a pinned one can be removed by its name", async () => {
    const { code, stderr } = await daemon.command("rmi", busyboxImage);
    assert.equal(code, 1);
    assert.match(stderr, /is in use by container main \([0-9a-f]{13}\)/);
    await removeAllPods(daemon);
    await remove(busyboxImage);
    assert.ok(!(await listed()).has(busyboxImage));
  });

  test("blobs may lie on a file system of their own, and are told of as such", async () => {
    for (const image of (await listed()).keys()) if (image !== undefined) await remove(image);
    await daemon.stop();
    await daemon.inside("mount", "-t", "tmpfs", "tmpfs", layout());
    await daemon.launch();
    await pull(kept);
    assert.equal((await daemon.command("images", "verify")).code, 0);
    await eventually("the store to be counted", 30_000, async () => {
      const { imageFilesystems } = await daemon.images.imageFsInfo({});
      const [layers, blobs] = imageFilesystems;
      assert.equal(layers?.fsId?.mountpoint, join(daemon.workspace.root, "snapshots/overlay"));
      assert.equal(blobs?.fsId?.mountpoint, layout());
      const { stdout } = await daemon.inside("du", "-s", "--block-size=1", layout());
      return String(blobs?.usedBytes?.value) === stdout.split("\t")[0] ? true : undefined;
    });
    await remove(kept);
    await daemon.stop();
    await daemon.inside("umount", layout());
    await daemon.launch();
  });

  /** In a file that is laid over the others. The daemon is told to read it. */
  function pin(patterns: string, tell = true): void {
    const dropIns = join(daemon.workspace.directory, "config.d");
    mkdirSync(dropIns, { recursive: true });
    writeFileSync(join(dropIns, "pins.toml"), `[image]\npinned = ${patterns}\n`);
    if (tell) process.kill(daemon.pid, "SIGHUP");
  }
});

function page(text: string) {
  return [directory("www"), file(`www/${text}.html`, text)];
}
