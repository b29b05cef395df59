import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Digest, ImageId } from "../base/ids.ts";
import type { ImageRecord } from "../image/contract.ts";
import * as cri from "../wire/gen/runtime.v1.ts";
import { collect, refused, type Serving, serve } from "./testing/serving.ts";

let client: Serving;
beforeEach(async () => {
  client = await serve();
});
afterEach(() => client[Symbol.asyncDispose]());

test("images: list, status, pull by id, remove", async () => {
  client.node.images.records.set("busybox:1", imageRecord("0:0"));
  client.node.images.records.set("sha256:abc", imageRecord("nobody:nogroup"));
  const spec = (name: string) => cri.ImageSpec.create({ image: name });
  assert.equal((await client.images.listImages({})).images.length, 2);
  assert.equal((await client.images.listImages({ filter: { image: spec("busybox:1") } })).images.length, 1);
  assert.equal((await client.images.listImages({ filter: { image: spec("other") } })).images.length, 0);
  assert.equal((await collect(client.images.streamImages({})))[0]?.images.length, 2);
  const { image: first, info } = await client.images.imageStatus({ image: spec("busybox:1"), verbose: true });
  assert.deepEqual([first?.uid, first?.username, first?.size], [{ value: 0n }, "", 42n]);
  const { imageSpec } = JSON.parse(info.info ?? "");
  assert.deepEqual([imageSpec.os, imageSpec.history[0].created_by], ["linux", "COPY all of it"]);
  const named = await client.images.imageStatus({ image: spec("sha256:abc") });
  assert.deepEqual([named.image?.uid, named.image?.username], [undefined, "nobody"]);
  assert.equal((await client.images.imageStatus({ image: spec("other") })).image, undefined);
  await refused(client.images.imageStatus({}), "invalid", /^image: missing$/);
  assert.equal((await client.images.pullImage({ image: spec("busybox:1") })).imageRef, "sha256:id");
  await client.images.removeImage({ image: spec("busybox:1") });
  await client.images.removeImage({ image: spec("busybox:1") });
});

test("an image is pulled for the handler that is named or has the pod that it is for, and for that pod's namespace", async () => {
  const image = cri.ImageSpec.create({ image: "busybox:2" });
  client.node.images.records.set("busybox:2", imageRecord("0:0"));
  const pulledFor = async (runtimeHandler: string, sandboxConfig?: cri.PodSandboxConfig) => {
    await client.images.pullImage({ image: { ...image, runtimeHandler }, sandboxConfig });
    return client.node.images.snapshotter;
  };
  const pod = (uid: string) =>
    cri.PodSandboxConfig.create({ metadata: { name: "web", namespace: "shop", uid, attempt: 0 } });
  await client.runtime.runPodSandbox({ config: pod("1"), runtimeHandler: "runsc" });
  await client.runtime.runPodSandbox({ config: pod("2"), runtimeHandler: "" });
  assert.equal(await pulledFor(""), "overlay");
  assert.equal(await pulledFor("runsc"), "native");
  assert.equal(await pulledFor("", pod("1")), "native");
  assert.equal(await pulledFor("", pod("2")), "overlay");
  assert.equal(await pulledFor("", pod("3")), "overlay");
  assert.equal(client.node.images.namespace, "shop");
  const isThere = async (runtimeHandler: string) =>
    (await client.images.imageStatus({ image: { ...image, runtimeHandler } })).image !== undefined;
  assert.deepEqual([await isThere(""), await isThere("crun"), await isThere("runsc")], [true, true, false]);
});

function imageRecord(User: string): ImageRecord {
  return {
    id: "sha256:id" as ImageId,
    tags: ["docker.io/library/busybox:1"],
    digests: [],
    manifest: { digest: "sha256:m" as Digest, mediaType: "", size: 1 },
    config: { os: "linux", architecture: "amd64", config: { User } } as ImageRecord["config"],
    layers: [],
    size: 42,
    pulledAt: 1n,
    pinned: false,
    unpacked: { overlay: { usages: [], durable: "synced" } },
  };
}

test("a failed call is logged once, with whom it is about and without any secret", async () => {
  const auth = cri.AuthConfig.create({ username: "user", password: "s3cret", identityToken: "t0ken" });
  await refused(
    client.images.pullImage({ image: cri.ImageSpec.create({ image: "r.example/private" }), auth }),
    "unauthenticated",
    /^pulling r.example\/private: 401$/,
  );
  assert.deepEqual(client.node.images.auth, { username: "user", password: "s3cret", identityToken: "t0ken" });
  const lines = client.logged().trimEnd().split("\n");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? "");
  assert.equal(line.operation, "PullImage");
  assert.equal(line.image, "r.example/private");
  assert.equal(line.kind, "unauthenticated");
  assert.doesNotMatch(client.logged(), /s3cret|t0ken/);
});

test("checkpoints: fields that are missing, or that nobody knows, are named", async () => {
  const { runtime } = client;
  await refused(runtime.checkpointContainer({}), "invalid", /^container_id: missing/);
  await refused(runtime.checkpointContainer({ containerId: "c" }), "invalid", /^location: missing/);
  const late = { containerId: "c", location: "/tmp/a.tar", timeout: -1n };
  await refused(runtime.checkpointContainer(late), "invalid", /^timeout: -1 is negative/);
  await refused(runtime.checkpointPod({ podSandboxId: "p" }), "invalid", /^output_path: missing/);
  const optional = { podSandboxId: "p", outputPath: "/tmp/a.tar", options: { some: "thing" } };
  await refused(runtime.checkpointPod(optional), "invalid", /^options: "some" is not known/);
  await refused(runtime.restorePod({}), "invalid", /^checkpoint_path: missing/);
  await refused(runtime.restorePod({ checkpointPath: "a.tar" }), "invalid", /^checkpoint_path: /);
});

test("berth's own API: info, pull and push with progress, import, export, names", async () => {
  client.node.images.records.set("busybox:1", imageRecord(""));
  const info = await client.berth.info({});
  assert.deepEqual(
    [info.version, info.handlers[0]?.default, info.setAside[0]?.reason],
    ["0.1.0", true, "half a row"],
  );
  const steps = await collect(client.berth.pullImage({ reference: "busybox:1" }));
  assert.deepEqual(
    steps.map(({ step }) => step?.$case),
    ["resolving", "layer", "image"],
  );
  await refused(collect(client.berth.pullImage({ reference: "other:1" })), "unauthenticated", /401/);
  assert.equal((await client.berth.import({ path: "/x.tar" })).images.length, 1);
  await refused(client.berth.import({ path: "x.tar" }), "invalid", /^path: /);
  const pieces = await collect(client.berth.export({ references: ["busybox:1"] }));
  assert.equal(Buffer.concat(pieces.map(({ data }) => data)).toString(), "a tar");
  await refused(collect(client.berth.export({})), "invalid", /^references: missing$/);
  const pushed = await collect(client.berth.pushImage({ image: "busybox:1", destination: "r.example/b:1" }));
  assert.deepEqual(
    pushed.map(({ step }) => step?.$case),
    ["layer", "committing", "pushed"],
  );
  await refused(collect(client.berth.pushImage({})), "invalid", /^image: missing$/);
  await client.berth.tag({ image: "busybox:1", name: "mine:1" });
  assert.ok(client.node.images.records.has("mine:1"));
  await client.berth.untag({ name: "mine:1" });
  assert.ok(!client.node.images.records.has("mine:1"));
  await refused(client.berth.tag({ image: "busybox:1" }), "invalid", /^name: missing$/);
  await refused(client.berth.untag({}), "invalid", /^name: missing$/);
});

test("bytes that are no request are refused as one that is invalid", async () => {
  const method = cri.RuntimeServiceService.runPodSandbox;
  const raw = {
    ...method,
    requestSerialize: ({ bytes }: { bytes: Buffer }) => bytes,
    requestDeserialize: (bytes: Buffer) => ({ bytes }),
  };
  for (let length = 1; length < 60; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 73 + length * 31) & 0xff));
    await assert.rejects(client.connection.calls({ raw }).raw({ bytes }), (error) =>
      isFault(error, "invalid"),
    );
  }
});
