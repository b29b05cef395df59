import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { layerCompression } from "./oci-layer.ts";

test("how layers are packed", () => {
  assert.equal(layerCompression("application/vnd.docker.image.rootfs.diff.tar.gzip"), "gzip");
  assert.equal(layerCompression("application/vnd.oci.image.layer.v1.tar+zstd"), "zstd");
  assert.equal(layerCompression("application/vnd.oci.image.layer.nondistributable.v1.tar"), "none");
  for (const bad of [
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.cncf.helm.chart",
  ]) {
    assert.throws(
      () => layerCompression(bad),
      (error) => isFault(error, "unimplemented"),
    );
  }
});
