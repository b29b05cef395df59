import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type FaultKind, isFault } from "../../src/base/fault.ts";
import { ImageSpec, PodSandboxConfig } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { type MadePod, podConfig, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

describe("bad input", privileged, () => {
  let daemon: TestDaemon;
  let pod: MadePod;

  before(async () => {
    daemon = await TestDaemon.start({ runtime: "crun" });
    await importBusybox(daemon);
    pod = await runPod(daemon, "good");
  });

  after(() => endDaemon(daemon));

  const refused = (asked: Promise<unknown>, kind: FaultKind, naming: RegExp) =>
    assert.rejects(asked, (error) => {
      assert.ok(isFault(error, kind), `${error}`);
      assert.match(error.message, naming);
      return true;
    });

  const run = (config: PodSandboxConfig | undefined, runtimeHandler = "") =>
    daemon.pods.runPodSandbox({ config, runtimeHandler });

  test("a pod without config, metadata or name is refused by the field's name", async () => {
    await refused(run(undefined), "invalid", /config/);
    await refused(run(PodSandboxConfig.create({})), "invalid", /metadata/);
    const nameless = podConfig(daemon, "x", {
      metadata: { name: "", uid: "1", namespace: "test", attempt: 0 },
    });
    await refused(run(nameless), "invalid", /name/);
  });

  test("an unknown runtime handler is refused with those there are", async () => {
    await refused(run(podConfig(daemon, "x"), "nonesuch"), "invalid", /nonesuch.*crun/s);
  });

  test("a sysctl that the pod may not set is refused, and leaves nothing", async () => {
    const config = podConfig(daemon, "x", { linux: { sysctls: { "kernel.panic": "1" } } });
    await refused(run(config), "invalid", /kernel\.panic/);
  });

  test("a container of an unknown pod or image is not found", async () => {
    const config = shellConfig("main", busyboxImage, "true");
    const create = (podSandboxId: string, wanted = config) =>
      daemon.pods.createContainer({ podSandboxId, config: wanted, sandboxConfig: pod.config });
    await refused(create("0".repeat(64)), "notFound", /0000/);
    const imageless = shellConfig("main", "test.berth.example/missing:1", "true");
    await refused(create(pod.id, imageless), "notFound", /missing:1/);
    await refused(create(pod.id, { ...config, metadata: undefined }), "invalid", /metadata/);
  });

  test("a program that is not there: StartContainer fails, the status says why", async () => {
    const config = { ...shellConfig("absent", busyboxImage, ""), command: ["/no/such/program"] };
    await assert.rejects(runContainer(daemon, pod, config), /no such/i);
  });

  test("unknown ids: not found where something is asked of them, fine where they are to go", async () => {
    const nobody = "f".repeat(64);
    await refused(daemon.pods.podSandboxStatus({ podSandboxId: nobody }), "notFound", /ffff/);
    await refused(daemon.pods.containerStatus({ containerId: nobody }), "notFound", /ffff/);
    await refused(daemon.pods.startContainer({ containerId: nobody }), "notFound", /ffff/);
    await refused(daemon.pods.execSync({ containerId: nobody, cmd: ["true"] }), "notFound", /ffff/);
    await daemon.pods.stopContainer({ containerId: nobody });
    await daemon.pods.removeContainer({ containerId: nobody });
    await daemon.pods.stopPodSandbox({ podSandboxId: nobody });
    await daemon.pods.removePodSandbox({ podSandboxId: nobody });
    await daemon.images.removeImage({ image: ImageSpec.create({ image: "test.berth.example/missing:1" }) });
    assert.equal(
      (await daemon.images.imageStatus({ image: ImageSpec.create({ image: "missing" }) })).image,
      undefined,
    );
  });

  test("an image reference that is none is invalid", async () => {
    const image = ImageSpec.create({ image: "NOT A Reference!" });
    await refused(daemon.images.pullImage({ image }), "invalid", /NOT A Reference/);
  });

  test("a short id is enough where only one begins so", async () => {
    const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id.slice(0, 12) });
    assert.equal(status?.id, pod.id);
  });

  test("a checkpoint without a place for it is refused", async () => {
    const containerId = await runContainer(daemon, pod, shellConfig("here", busyboxImage, "sleep 99"));
    await refused(daemon.pods.checkpointContainer({ containerId }), "invalid", /location: missing/);
  });

  test("an archive that is none is refused", async () => {
    await assert.rejects(daemon.berth.import({ path: "/etc/hostname" }));
    await refused(daemon.berth.import({ path: "/no/such/archive" }), "notFound", /\/no\/such\/archive/);
  });
});
