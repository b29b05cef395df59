import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { ContainerState, ImageSpec, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  containerStatus,
  eventually,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";

/** As near to a power cut as one host allows: the records say that they were written in another boot. */
describe("a start with another boot id", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let pulled = "";
  let synced = "";

  before(async () => {
    registry = await TestRegistry.start();
    const layers = [busyboxLayer(), [directory("www"), file("www/shared", "of both images")]];
    synced = await registry.push({ layers, config: { Cmd: ["sh"] } }, "safe/image:1");
    layers.push([directory("www"), file("www/page", "of the layer that is lost")]);
    pulled = await registry.push({ layers, config: { Cmd: ["sh"] } }, "lost/image:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
  });

  after(async () => {
    await daemon?.close();
    await registry?.close();
  });

  const pull = (image = pulled) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: registry.auth,
      sandboxConfig: undefined,
    });
  const tags = async () => (await daemon.images.listImages({})).images.flatMap(({ repoTags }) => repoTags);

  /** The blobs of the image's layers that is to stay, once it is safely on disk. */
  async function syncedLayers(): Promise<string[] | undefined> {
    const image = ImageSpec.create({ image: synced });
    const { info } = await daemon.images.imageStatus({ image, verbose: true });
    const { layers, unpacked } = JSON.parse(info.info ?? "{}");
    if (unpacked.overlay.durable !== "synced") return undefined;
    return layers.map(({ blob }: { blob: { digest: string } }) => blob.digest);
  }

  function anotherBoot(): void {
    using database = new DatabaseSync(join(daemon.workspace.root, "berth.db"));
    database.exec(`
      update record set value = json_set(value, '$.unpacked.overlay.durable', 'another boot')
        where kind = 'images' and value like '%lost/image%';
      update record set value = json_set(value, '$.bootId', 'another boot')
        where kind in ('pod_sandboxes', 'containers');`);
  }

  test("what was not synced is gone until it is pulled again; pods are not ready and can be removed", async () => {
    await pull(synced);
    await pull();
    const [, shared = ""] = await eventually("the sync", 10_000, syncedLayers);
    const pod = await runPod(daemon, "before");
    const containerId = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 9999"));
    const stopped = await runPod(daemon, "stopped");
    const attachment = join(daemon.workspace.root, "cni/attached", `${stopped.id}.json`);
    const attached = readFileSync(attachment);
    await daemon.pods.stopPodSandbox({ podSandboxId: stopped.id });
    await daemon.kill();
    writeFileSync(attachment, attached); // its removal had not reached the disk yet, its record had
    anotherBoot();
    await daemon.launch();
    assert.deepEqual(
      (await tags()).sort(),
      [busyboxImage, synced].sort(),
      "what was synced stays, with the layer that the lost image shares",
    );
    const layersLeft = readdirSync(join(daemon.workspace.root, "snapshots/overlay/l")).length;
    const status = await eventually("the pod's end", 10_000, async () => {
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
      return status?.state === PodSandboxState.SANDBOX_NOTREADY ? status : undefined;
    });
    assert.equal(status.id, pod.id);
    const { state, exitCode } = await containerStatus(daemon, containerId);
    assert.deepEqual([state, exitCode], [ContainerState.CONTAINER_EXITED, 255]);
    await eventually("the stopped pod to be detached again", 10_000, async () =>
      existsSync(attachment) ? undefined : true,
    );
    await removeAllPods(daemon);
    const before = registry.sent();
    await pull();
    assert.equal(registry.sent().get(shared), before.get(shared), "the shared layer is not fetched again");
    assert.equal(readdirSync(join(daemon.workspace.root, "snapshots/overlay/l")).length, layersLeft + 1);
    assert.equal((await tags()).length, 3);
    await assertNoLeaks(daemon);
  });
});
