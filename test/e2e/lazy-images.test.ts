import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startRegistry, type TestRegistry } from "../../src/registry/testing/docker-registry.ts";
import { SnapshotsServer } from "../../src/snapshot/testing/snapshots-server.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { CountingProxy } from "../harness/counting-proxy.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { eventually, removeAllPods, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";
import { type ImageRecipe, writeOciArchive } from "../images/image.ts";

const stargz = process.env.BERTH_TEST_STARGZ;
const without = stargz === undefined ? "NOT RUN: BERTH_TEST_STARGZ names no program (make stargz)" : false;

const mebibyte = 1 << 20;
const big = randomBytes(24 * mebibyte);
const forever = "echo up; while :; do sleep 0.1; done";

describe("images whose layers stargz-snapshotter gets at", { skip: privileged.skip ?? without }, () => {
  let registry: TestRegistry;
  let proxy: CountingProxy;
  let snapshots: SnapshotsServer;
  let daemon: TestDaemon;

  before(async () => {
    registry = await startRegistry();
    proxy = await CountingProxy.start(registry.url, 4 * mebibyte);
    snapshots = SnapshotsServer.stargz(stargz ?? "", [proxy.host]);
    await snapshots.start();
    const remote = `[remoteSnapshotters.stargz]\naddress = "${snapshots.socket}"\n`;
    // in the host's mount namespace, where the snapshotter mounts
    daemon = await TestDaemon.start({
      runtime: "runc",
      extraConfig: `[image]\nsnapshotter = "stargz"\n${remote}`,
    });
  });

  after(async () => {
    await daemon?.close();
    await snapshots?.[Symbol.asyncDispose]();
    await proxy?.close();
    await registry?.[Symbol.asyncDispose]();
  });

  /** @returns the reference, and the digest of each layer's blob */
  async function push(name: string, layers: ImageRecipe["layers"]): Promise<[string, readonly string[]]> {
    const archive = join(daemon.workspace.directory, "push.tar");
    const reference = `${proxy.host}/${name}:1`;
    await writeOciArchive({ name: reference, layers, config: { Cmd: ["sh"] }, estargz: true }, archive);
    const to = `docker://${registry.host}/${name}:1`;
    execFileSync("skopeo", [
      ...["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"],
      ...[`oci-archive:${archive}`, to],
    ]);
    const raw = execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", to], { encoding: "utf8" });
    const manifest = JSON.parse(raw) as { layers: { digest: string }[] };
    return [reference, manifest.layers.map(({ digest }) => digest)];
  }

  async function exec(containerId: string, script: string): Promise<string> {
    const cmd = ["/bin/sh", "-c", script];
    const { stdout, stderr, exitCode } = await daemon.pods.execSync({ containerId, cmd, timeout: 60n });
    assert.equal(exitCode, 0, `${script}: ${stderr}`);
    return stdout.toString().trim();
  }

  const pull = (image: string) => daemon.images.pullImage({ image: ImageSpec.create({ image }) });
  let reference: string;
  let first: string;

  test("a container runs before its layers are here; what it reads is right; the rest comes by itself", async () => {
    const files = [directory("www"), file("www/index.html", "hello from berth\n"), file("www/big", big)];
    let digests: readonly string[];
    [reference, digests] = await push("lazy", [busyboxLayer(), files]);
    const [, large = ""] = digests;
    await pull(reference);
    const pod = await runPod(daemon, "lazy");
    first = await runContainer(daemon, pod, shellConfig("main", reference, forever));
    assert.equal(await exec(first, "cat /www/index.html; id -un"), "hello from berth\nroot");
    const sent = proxy.sent(large);
    assert.ok(sent < big.length / 2, `${sent} bytes of the layer had gone out by then`);
    assert.equal(
      await exec(first, "sha256sum /www/big | cut -d' ' -f1"),
      createHash("sha256").update(big).digest("hex"),
    );
    await eventually("the whole layer", 60_000, async () => proxy.sent(large) >= big.length || undefined);
    await exec(first, "echo mine >/www/index.html; rm /www/big");
    assert.equal(await exec(first, "cat /www/index.html; ls /www"), "mine\nindex.html");
  });

  test("the daemon is killed: containers read on, and more are made of what is here", async () => {
    await daemon.kill();
    await daemon.launch();
    assert.equal(await exec(first, "cat /www/index.html"), "mine");
    const second = await runContainer(
      daemon,
      await runPod(daemon, "second"),
      shellConfig("main", reference, forever),
    );
    assert.equal(await exec(second, "cat /www/index.html; ls /www"), "hello from berth\nbig\nindex.html");
  });

  test("the snapshotter is killed: that is said; when it is back, so are its images", async () => {
    await snapshots.stop();
    const pod = await runPod(daemon, "third");
    await assert.rejects(
      async () => await runContainer(daemon, pod, shellConfig("main", reference, forever)),
      /the snapshotter stargz \(.*nobody answers at|the snapshotter stargz can't work here/,
    );
    const condition = async () => {
      const { status } = await daemon.pods.status({});
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    await eventually(
      "the daemon to tell",
      30_000,
      async () => (await condition())?.status === false || undefined,
    );
    assert.match((await condition())?.message ?? "", /the snapshotter stargz .*nobody answers/);
    await snapshots.start();
    await eventually("the daemon to go on", 30_000, async () => (await condition())?.status || undefined);
    const id = await runContainer(daemon, pod, shellConfig("main", reference, forever));
    assert.equal(await exec(id, "cat /www/index.html; ls /www"), "hello from berth\nbig\nindex.html");
  });

  test("everything goes with the last container and the image, in the snapshotter as well", async () => {
    await removeAllPods(daemon);
    await daemon.images.removeImage({ image: ImageSpec.create({ image: reference }) });
    await assertNoLeaks(daemon);
    const kept = join(snapshots.directory, "root", "snapshotter", "snapshots");
    await eventually(
      "its directories to go",
      30_000,
      async () => readdirSync(kept).length === 0 || undefined,
    );
  });
});
