import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "../../src/base/fault.ts";
import { AuthConfig, ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { Bystander } from "../harness/bystander.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { KillInWork } from "../harness/kill-in-work.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { exited, removeAllPods, removePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { full, privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { mountMappings, usersPodConfig } from "../harness/user-namespaces.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import type { TarEntry } from "../images/tar.ts";

const kills = full ? 50 : 8;
/** What each life's container ends with. */
const lifeCode = 7;

describe(`kill -9 of the daemon at ${kills} random moments of pods' lives and pulls`, privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let bystander: Bystander;
  let image = "";
  const work = new KillInWork();

  before(async () => {
    registry = await TestRegistry.start();
    image = await registry.push({ layers: manyLayers(), config: { Cmd: ["sh"] } }, "killed/layers:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
    bystander = await Bystander.run(daemon);
  });

  after(async () => {
    try {
      if (bystander !== undefined) {
        await bystander.stop();
        await removeAllPods(daemon);
        await assertNoLeaks(daemon);
      }
    } finally {
      await daemon?.close();
      await registry?.close();
    }
  });

  const spec = () => ImageSpec.create({ image });
  const auth = () => AuthConfig.create({ username: registry.username, password: registry.password });
  const pull = () => daemon.images.pullImage({ image: spec(), auth: auth(), sandboxConfig: undefined });
  const removeImage = () => daemon.images.removeImage({ image: spec() });

  /** @param users who root is on the host, for pods with a user namespace */
  function lives(name: string, users?: number): Promise<void> {
    const mounts =
      users === undefined
        ? []
        : [{ containerPath: "/v", hostPath: daemon.workspace.logs, ...mountMappings(users) }];
    const config = shellConfig("main", busyboxImage, `exit ${lifeCode}`, { mounts });
    const overrides = () => (users === undefined ? {} : usersPodConfig(daemon, name, users));
    let pod: Awaited<ReturnType<typeof runPod>>;
    let containerId = "";
    return work.untilKilled([
      ["run", async () => (pod = await runPod(daemon, name, overrides()))],
      ["create and start", async () => (containerId = await runContainer(daemon, pod, config))],
      ["wait", async () => assert.equal((await exited(daemon, containerId)).exitCode, lifeCode)],
      ["stop", () => daemon.pods.stopPodSandbox({ podSandboxId: pod.id })],
      ["remove", () => daemon.pods.removePodSandbox({ podSandboxId: pod.id })],
    ]);
  }

  /** Every container that was started, whoever still knows of it, ended with the code that it said. */
  async function assertExits(witness: string, code: number): Promise<void> {
    assert.equal((await exited(daemon, witness)).exitCode, code, "the witness's code");
    const { containers } = await daemon.pods.listContainers({});
    for (const { id, podSandboxId } of containers) {
      if (id === witness || podSandboxId === bystander.pod.id) continue;
      // The call that was to start it may have been cut off.
      await daemon.pods.startContainer({ containerId: id }).catch(() => undefined);
      const code = await exited(daemon, id).then(({ exitCode }) => exitCode, unlessRemoved);
      assert.equal(code, lifeCode, `the code of container ${id}`);
    }
  }

  /** The image, pulled again over whatever the kill left, is whole. */
  async function assertPulls(): Promise<void> {
    await pull();
    const pod = await runPod(daemon, "checked");
    const id = await runContainer(daemon, pod, shellConfig("sums", image, "sha256sum -c /data/sums"));
    assert.equal((await exited(daemon, id)).exitCode, 0, "every file of the image is as it was pushed");
    await removePod(daemon, pod.id);
    await removeImage();
  }

  async function killOnce(number: number): Promise<void> {
    const code = 100 + (number % 100);
    const pod = await runPod(daemon, "witness");
    const script = `sleep ${(Math.random() * 1.5).toFixed(2)}; exit ${code}`;
    const witness = await runContainer(daemon, pod, shellConfig("main", busyboxImage, script));
    work.isKilled = false;
    const working = Promise.all([
      lives(`one-${number}`),
      lives(`two-${number}`, 700_000_000),
      work.untilKilled([
        ["pull", pull],
        ["remove image", removeImage],
      ]),
    ]);
    await Promise.race([sleep(Math.random() * 1200), working]);
    work.isKilled = true;
    await daemon.kill();
    await working;
    await sleep(Math.random() * 300);
    await daemon.launch();
    await assertExits(witness, code);
    // What a kubelet does with pods that it does not want: stop and remove them, whatever became of them.
    const { items } = await daemon.pods.listPodSandbox({});
    const others = items.filter(({ id }) => id !== bystander.pod.id);
    await Promise.all(others.map(({ id }) => removePod(daemon, id)));
    await assertPulls();
    await bystander.assertAlone();
  }

  test("what ran runs on, exits have their code, images are whole, nothing is left", async (t: TestContext) => {
    for (let number = 0; number < kills; number++) {
      try {
        await killOnce(number);
      } catch (error) {
        throw new Error(`kill ${number + 1}, unanswered ${work.unanswered()}: ${daemon.logTail(40)}`, {
          cause: error,
        });
      }
    }
    t.diagnostic(`${kills} kills; unanswered then: ${work.unanswered()}`);
  });
});

/** A removal that the kill cut off goes on at the next start. */
function unlessRemoved(error: unknown): number {
  if (isFault(error, "notFound")) return lifeCode;
  throw error;
}

/** A busybox and five layers of bytes that don't compress, with the sums of them all in the last. */
function manyLayers(): TarEntry[][] {
  const sums: string[] = [];
  const layers = Array.from({ length: 5 }, (_, layer) =>
    Array.from({ length: 40 }, (_, index) => {
      const path = `data/${layer}-${index}`;
      const data = noise(path, 16 << 10);
      sums.push(`${createHash("sha256").update(data).digest("hex")}  /${path}`);
      return file(path, data);
    }),
  );
  const data = directory("data");
  return [
    busyboxLayer(),
    ...layers.map((files) => [data, ...files]),
    [data, file("data/sums", sums.join("\n"))],
  ];
}

/** Bytes that look random and are the same for the same seed. */
function noise(seed: string, bytes: number): Uint8Array {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest();
}
