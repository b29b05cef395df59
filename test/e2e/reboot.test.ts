import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { AuthConfig, ContainerState, ImageSpec, PodSandboxState } from "../../src/wire/gen/runtime.v1.ts";
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
import { busyboxLayer } from "../images/busybox.ts";

/** As near to a power cut as one host allows: the records say that they were written in another boot. */
describe("a start with another boot id", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let pulled = "";

  before(async () => {
    registry = await TestRegistry.start();
    pulled = await registry.push({ layers: [busyboxLayer()], config: { Cmd: ["sh"] } }, "lost/image:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
  });

  after(async () => {
    await daemon?.close();
    await registry?.close();
  });

  const pull = () =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image: pulled }),
      auth: AuthConfig.create({ username: registry.username, password: registry.password }),
      sandboxConfig: undefined,
    });
  const tags = async () => (await daemon.images.listImages({})).images.flatMap(({ repoTags }) => repoTags);

  function anotherBoot(): void {
    using database = new DatabaseSync(join(daemon.workspace.root, "berth.db"));
    database.exec(`
      update record set value = json_set(value, '$.unpacked.overlay.durable', 'another boot')
        where kind = 'images' and value like '%lost/image%';
      update record set value = json_set(value, '$.bootId', 'another boot')
        where kind in ('pod_sandboxes', 'containers');`);
  }

  test("what was not synced is gone until it is pulled again; pods are not ready and can be removed", async () => {
    await pull();
    const pod = await runPod(daemon, "before");
    const containerId = await runContainer(daemon, pod, shellConfig("main", busyboxImage, "sleep 9999"));
    await daemon.kill();
    anotherBoot();
    await daemon.launch();
    assert.deepEqual(
      await tags(),
      [busyboxImage],
      "the imported image was synced before the import answered",
    );
    const status = await eventually("the pod's end", 10_000, async () => {
      const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
      return status?.state === PodSandboxState.SANDBOX_NOTREADY ? status : undefined;
    });
    assert.equal(status.id, pod.id);
    const { state, exitCode } = await containerStatus(daemon, containerId);
    assert.deepEqual([state, exitCode], [ContainerState.CONTAINER_EXITED, 255]);
    await removeAllPods(daemon);
    await pull();
    assert.equal((await tags()).length, 2);
    await assertNoLeaks(daemon);
  });
});
