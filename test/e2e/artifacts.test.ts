import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ImageSpec, Mount } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { busyboxImage, importBusybox } from "../harness/images.ts";
import { containerStatus, type MadePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { makeArtifact } from "../images/artifact.ts";

const type = "application/vnd.example.model";
const plain = "application/octet-stream";
const untitled = "a blob without a title";
const model = makeArtifact(type, [
  { mediaType: plain, data: Buffer.from("seven\n"), title: "weights/layer-7.bin" },
  // As oras pushes any file that it is given.
  {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    data: Buffer.from("eight\n"),
    title: "weights/layer-8.bin",
  },
  { mediaType: "application/json", data: Buffer.from('{"layers":2}\n'), title: "config.json" },
  { mediaType: plain, data: Buffer.from(untitled) },
]);

describe("an OCI artifact in a registry", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let pod: MadePod;
  let name = "";

  before(async () => {
    registry = await TestRegistry.start();
    name = registry.pushArtifact(model, "models/tiny:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    await importBusybox(daemon);
    pod = await runPod(daemon, "reads");
  });

  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.close();
    }
  });

  function mountAt(containerPath: string, imageSubPath = ""): Mount {
    const image = ImageSpec.create({ image: name });
    return Mount.create({ containerPath, image, imageSubPath, readonly: true });
  }

  async function said(containerId: string, script: string): Promise<string> {
    const cmd = ["sh", "-c", script];
    const { stdout, stderr } = await daemon.pods.execSync({ containerId, cmd, timeout: 10n });
    return Buffer.concat([stdout, stderr]).toString();
  }

  test("it is pulled as a kubelet does, and listed with its type", async () => {
    const { auth } = registry;
    const image = ImageSpec.create({ image: name });
    const { imageRef } = await daemon.images.pullImage({ image, auth, sandboxConfig: undefined });
    assert.equal(imageRef, model.manifest.digest);
    const { images } = await daemon.images.listImages({});
    const listed = images.find(({ id }) => id === imageRef);
    assert.deepEqual(listed?.repoTags, [name]);
    assert.deepEqual(listed?.spec?.annotations, { "io.berth.artifact-type": type });
    const table = (await daemon.command("images")).stdout;
    assert.match(table, /^IMAGE +TAG +ID +SIZE +ARTIFACT$/m);
    assert.match(table, /^\S+models\/tiny +1 +[0-9a-f]{13} +\S+ +application\/vnd\.example\.model$/m);
    assert.match(table, /^\S+busybox +1 +[0-9a-f]{13} +\S+$/m);
    const shown = (await daemon.command("inspect", "--type", "image", name)).stdout;
    assert.match(shown, /^artifact +application\/vnd\.example\.model$/m);
  });

  test("it is mounted whole, by directory and by file, and can't be written", async () => {
    const mounts = [
      mountAt("/model"),
      mountAt("/weights", "weights"),
      mountAt("/eight", "weights/layer-8.bin"),
    ];
    const config = shellConfig("reader", busyboxImage, "exec sleep 1000", { mounts });
    const id = await runContainer(daemon, pod, config);
    const digits = model.layers[3]?.digest.slice("sha256:".length);
    assert.equal(
      await said(id, "cd /model && find . -type f | sort"),
      ["./config.json", `./${digits}`, "./weights/layer-7.bin", "./weights/layer-8.bin", ""].join("\n"),
    );
    assert.equal(
      await said(id, "cat /weights/layer-7.bin /eight /model/config.json"),
      'seven\neight\n{"layers":2}\n',
    );
    assert.equal(await said(id, `cat /model/${digits}`), untitled);
    for (const path of ["/model/x", "/weights/layer-7.bin", "/eight"])
      assert.match(await said(id, `echo no > ${path}`), /Read-only file system/);
    const { mounts: told } = await containerStatus(daemon, id);
    assert.equal(
      told[0]?.image?.imageRef,
      `${name.slice(0, name.lastIndexOf(":"))}@${model.manifest.digest}`,
    );
    const absent = shellConfig("absent", busyboxImage, "true", {
      mounts: [mountAt("/x", "weights/layer-9.bin")],
    });
    await assert.rejects(runContainer(daemon, pod, absent), {
      message: /ImageVolumeMountFailed: .*sub path "weights\/layer-9\.bin" does not exist/,
    });
  });

  test("it can't be run, but saved, loaded and pushed on", async () => {
    const run = await daemon.command("run", "--rm", name);
    assert.equal(run.code, 125);
    assert.match(run.stderr, /is an artifact \(application\/vnd\.example\.model\).*\(it can be mounted/);
    const creds = ["--creds", `${registry.username}:${registry.password}`];
    const pushed = await daemon.command("push", "-q", ...creds, name, `${registry.host}/models/moved:2`);
    assert.equal(pushed.stdout, `${registry.host}/models/moved@${model.manifest.digest}\n`, pushed.stderr);
    const again = await daemon.command("pull", "-q", ...creds, `${registry.host}/models/moved:2`);
    assert.equal(again.stdout, `${model.manifest.digest}\n`);
  });
});
