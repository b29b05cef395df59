import assert from "node:assert/strict";
import { test } from "node:test";
import type { Digest } from "../../base/ids.ts";
import type { LayerOffer } from "../contract.ts";
import { labelsOfOffer } from "./labels.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;

function offer(changes: Partial<LayerOffer>, annotations?: Record<string, string>): LayerOffer {
  const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
  return {
    chain: digest("a"),
    parent: undefined,
    blob: { mediaType, digest: digest("b"), size: 10, annotations },
    reference: "registry.example/app:1",
    manifest: digest("c"),
    from: [digest("b"), digest("d")],
    ...changes,
  };
}

test("a layer is offered under the names that containerd's CRI gives", () => {
  assert.deepEqual(labelsOfOffer("/var/lib/berth/snapshots/stargz", offer({})), {
    "containerd.io/gc.root": "berth",
    "containerd.io/snapshot/berth.root": "/var/lib/berth/snapshots/stargz",
    "containerd.io/snapshot.ref": digest("a"),
    "containerd.io/snapshot/cri.image-ref": "registry.example/app:1",
    "containerd.io/snapshot/cri.manifest-digest": digest("c"),
    "containerd.io/snapshot/cri.layer-digest": digest("b"),
    "containerd.io/snapshot/cri.image-layers": `${digest("b")},${digest("d")}`,
  });
});

test("what a manifest says to snapshotters is handed on, but nothing that would speak for berth", () => {
  const labels = labelsOfOffer(
    "/root",
    offer(
      {},
      {
        "containerd.io/snapshot/stargz/toc.digest": digest("e"),
        "containerd.io/snapshot/nydus-bootstrap": "true",
        "containerd.io/snapshot/cri.image-ref": "registry.example/other:1",
        "containerd.io/snapshot/berth.root": "/other",
        "containerd.io/snapshot/uidmapping": "0:0:1",
        "containerd.io/snapshot.ref": digest("f"),
        "containerd.io/snapshot/long": "x".repeat(5000),
        "org.opencontainers.image.title": "not for snapshotters",
      },
    ),
  );
  const added = Object.keys(labels).filter((key) => !(key in labelsOfOffer("/root", offer({}))));
  assert.deepEqual(added, [
    "containerd.io/snapshot/stargz/toc.digest",
    "containerd.io/snapshot/nydus-bootstrap",
  ]);
  assert.equal(labels["containerd.io/snapshot/cri.image-ref"], "registry.example/app:1");
  assert.equal(labels["containerd.io/snapshot/berth.root"], "/root");
  assert.equal(labels["containerd.io/snapshot.ref"], digest("a"));
});

test("as many layers are named as a label holds", () => {
  const key = "containerd.io/snapshot/cri.image-layers";
  const from = Array.from({ length: 200 }, () => digest("b"));
  const value = labelsOfOffer("/root", offer({ from }))[key] ?? "";
  assert.ok(key.length + value.length <= 4096);
  assert.ok(key.length + value.length + 72 > 4096);
  assert.deepEqual(new Set(value.split(",")), new Set([digest("b")]));
});
