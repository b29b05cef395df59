import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isFault } from "../../src/base/fault.ts";
import { ownPort } from "../../src/linux/testing/own-port.ts";
import { AuthConfig, ImageSpec, Protocol } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import {
  eventually,
  type MadePod,
  removeAllPods,
  runContainer,
  runPod,
  shellConfig,
} from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { transferSteps } from "../harness/transfer-steps.ts";
import { nginxImage } from "../images/nginx.ts";

describe("nginx from a registry with TLS and basic auth", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let image = "";
  const greeting = "an nginx that berth pulled";

  before(async () => {
    registry = await TestRegistry.start();
    image = await registry.push(nginxImage("pushed", greeting), "web/nginx:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
  });

  after(async () => {
    try {
      if (daemon !== undefined) {
        await removeAllPods(daemon);
        await assertNoLeaks(daemon);
      }
    } finally {
      await daemon?.close();
      await registry?.close();
    }
  });

  const pull = (name: string, credentials?: AuthConfig) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image: name }),
      auth: credentials,
      sandboxConfig: undefined,
    });

  async function page(url: string): Promise<string> {
    return eventually(url, 10_000, async () =>
      fetch(url).then(
        (answer) => answer.text(),
        () => undefined,
      ),
    );
  }

  async function addressOf(pod: MadePod): Promise<string> {
    const { status } = await daemon.pods.podSandboxStatus({ podSandboxId: pod.id });
    return status?.network?.ip ?? "";
  }

  test("berth pull says on standard error how far it is, and prints the image's id", async () => {
    const creds = `${registry.username}:${registry.password}`;
    const pulled = await daemon.command("pull", "--creds", creds, image);
    const auth = Buffer.from(creds).toString("base64");
    const again = await daemon.command("pull", "--quiet", "--auth", auth, image);
    const refused = await daemon.command("pull", image);
    await daemon.command("rmi", image); // before all that may fail: later tests begin without it
    assert.equal(pulled.code, 0, pulled.stderr);
    assert.match(pulled.stdout, /^sha256:[0-9a-f]{64}\n$/);
    const told = transferSteps(pulled.stderr);
    assert.match(told, /^pulling \S+\n(layer [0-9a-f]{12} \S+ done\n)+pulled \S+ in [\d.]+ s\n$/);
    assert.deepEqual(again, { code: 0, stdout: pulled.stdout, stderr: "" });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /berth: pulling \S+: .*(401|credential)/is);
  });

  test("wrong credentials are refused, and nothing of them shows in the log or error", async () => {
    const wrong = AuthConfig.create({ username: "mary", password: "not-her-lamb" });
    await assert.rejects(pull(image, wrong), (error: Error) => !error.message.includes("not-her-lamb"));
    await assert.rejects(pull(image));
    await assert.rejects(pull(image.replace("nginx:1", "missing:1"), registry.auth), (error) =>
      isFault(error, "notFound"),
    );
    assert.ok(!daemon.logTail(10_000).includes("not-her-lamb"));
    assert.deepEqual((await daemon.images.listImages({})).images, []);
  });

  test("it is pulled, listed and found by tag, digest and id", async () => {
    const { imageRef } = await pull(image, registry.auth);
    const { images } = await daemon.images.listImages({});
    assert.equal(images.length, 1);
    assert.deepEqual(images[0]?.repoTags, [image]);
    for (const name of [image, imageRef, images[0]?.id ?? "", images[0]?.repoDigests[0] ?? ""]) {
      const found = await daemon.images.imageStatus({
        image: ImageSpec.create({ image: name }),
        verbose: true,
      });
      assert.equal(found.image?.id, images[0]?.id, `by ${name}`);
    }
    assert.ok(!daemon.logTail(10_000).includes(registry.password));
  });

  test("it serves over the bridge and a host port; another pod reaches it by address", async () => {
    await pull(image, registry.auth);
    const hostPort = await ownPort();
    const web = await runPod(daemon, "web", {
      portMappings: [{ protocol: Protocol.TCP, containerPort: 80, hostPort, hostIp: "" }],
    });
    const nginx = { ...shellConfig("nginx", image, ""), command: [] };
    await runContainer(daemon, web, nginx);
    const address = await addressOf(web);
    assert.equal(await page(`http://${address}/`), `${greeting}\n`);
    assert.equal(await page(`http://127.0.0.1:${hostPort}/`), `${greeting}\n`);

    const client = await runPod(daemon, "client");
    const containerId = await runContainer(daemon, client, shellConfig("client", image, "sleep 999"));
    const there = await daemon.pods.execSync({
      containerId,
      cmd: ["wget", "-q", "-O", "-", `http://${address}/`],
      timeout: 10n,
    });
    assert.equal(there.stdout.toString(), `${greeting}\n`);
  });

  test("once its pods are gone, the image can be removed and leaves nothing", async () => {
    await removeAllPods(daemon);
    await daemon.images.removeImage({ image: ImageSpec.create({ image }) });
    assert.deepEqual((await daemon.images.listImages({})).images, []);
    await assertNoLeaks(daemon);
  });
});
