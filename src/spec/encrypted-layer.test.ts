import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { digestOf } from "./digest.ts";
import { parseLayerEncryption, parseLayerKey } from "./encrypted-layer.ts";

const prefix = "org.opencontainers.image.enc.";
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
const layer = (annotations: Record<string, string>) => ({
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
  digest: digestOf("x"),
  size: 1,
  annotations,
});
const hmac = Buffer.alloc(32, 7);
const cipher = "AES_256_CTR_HMAC_SHA256";

test("an encrypted layer's annotations are read as ocicrypt writes them", () => {
  const pubopts = base64({ cipher, hmac: hmac.toString("base64"), cipheroptions: {} });
  const read = parseLayerEncryption(
    layer({
      [`${prefix}pubopts`]: pubopts,
      [`${prefix}keys.jwe`]: "YQ==,Yg==",
      [`${prefix}keys.provider.p`]: "Yw==",
    }),
  );
  assert.deepEqual(
    read.wrapped.map(({ scheme, bytes }) => `${scheme} ${bytes}`),
    ["jwe a", "jwe b", "provider.p c"],
  );
  assert.deepEqual([read.hmac, read.nonce], [hmac, undefined]);
  const cipheroptions = { nonce: Buffer.alloc(16, 1).toString("base64") };
  const own = { symkey: Buffer.alloc(32, 2).toString("base64"), digest: "sha256:1", cipheroptions };
  assert.deepEqual(parseLayerKey(Buffer.from(JSON.stringify(own))), {
    key: Buffer.alloc(32, 2),
    nonce: Buffer.alloc(16, 1),
  });
});

test("what is missing or malformed is told without what was wrapped", () => {
  const keys = { [`${prefix}keys.jwe`]: "YQ==" };
  for (const [annotations, why] of [
    [{}, /its key is nowhere/],
    [keys, /does not say how it is encrypted/],
    [
      { ...keys, [`${prefix}pubopts`]: base64({ cipher: "ROT13", hmac: "" }) },
      /pubopts .* is malformed: cipher: is not/,
    ],
    [{ ...keys, [`${prefix}pubopts`]: base64({ cipher, hmac: "YQ==" }) }, /hmac: is not 32 bytes long/],
  ] as const) {
    assert.throws(
      () => parseLayerEncryption(layer(annotations)),
      (error) => isFault(error, "corrupt") && why.test(error.message),
    );
  }
  assert.throws(
    () => parseLayerKey(Buffer.from("s3cret")),
    (error) => isFault(error, "corrupt") && !/s3c/.test(String(error)),
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.throws(
        () => parseLayerKey(Buffer.from(text)),
        (error) => isFault(error, "corrupt"),
      );
    }),
  );
});
