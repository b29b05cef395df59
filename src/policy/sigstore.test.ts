import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { ImageSignature } from "./contract.ts";
import { withoutArmor } from "./openpgp-armor.ts";
import { keysInLog } from "./rekor.ts";
import { keyThatSigned, signatureOf, verifyingKey } from "./sigstore.ts";
import { claim, ecKey, edKey, rsaKey, type SigningKey, sigstoreLayer } from "./testing/signer.ts";

const payload = claim(`sha256:${"a".repeat(64)}`, "quay.io/a:1");
const keyOf = ({ pem }: SigningKey, name = "key") => verifyingKey({ name, bytes: Buffer.from(pem) });

function signatureBy(key: SigningKey, more: Record<string, string> = {}): ImageSignature {
  const { layer } = sigstoreLayer(payload, key, more);
  return {
    kind: "sigstore",
    place: "x",
    content: payload.toString("base64"),
    annotations: layer.annotations ?? {},
  };
}

test("signatures by every kind of key that cosign takes are verified, by that key alone", () => {
  const kinds = {
    p256: ecKey(),
    p384: ecKey("P-384"),
    "p384, by its own hash": ecKey("P-384", "sha384"),
    p521: ecKey("P-521"),
    "p521, by its own hash": ecKey("P-521", "sha512"),
    rsa: rsaKey(),
    ed25519: edKey(),
  };
  const keys = Object.entries(kinds).map(([name, key]) => keyOf(key, name));
  for (const [name, key] of Object.entries(kinds)) {
    const signature = signatureOf(signatureBy(key));
    assert.equal(keyThatSigned(payload, signature, keys)?.name, name);
    assert.equal(
      keyThatSigned(
        payload,
        signature,
        keys.filter((one) => one.name !== name),
      ),
      undefined,
      name,
    );
    assert.equal(keyThatSigned(Buffer.concat([payload, Buffer.from(" ")]), signature, keys), undefined, name);
    signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
    assert.equal(keyThatSigned(payload, signature, keys), undefined, name);
  }
});

test("keys that are no public keys, or too weak, are refused by name", () => {
  const secret = ecKey().privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  for (const [pem, why] of [
    ["nothing", /\/k is no public key in PEM/],
    [secret, /\/k is no public key in PEM/],
    [rsaKey(1024).pem, /\/k is an RSA key of 1024 bits/],
    [ecKey("secp256k1").pem, /\/k is a key of a kind .* \(secp256k1\)/],
    [
      generateKeyPairSync("x25519").publicKey.export({ type: "spki", format: "pem" }).toString(),
      /of a kind .* \(x25519\)/,
    ],
  ] as const) {
    assert.throws(
      () => verifyingKey({ name: "/k", bytes: Buffer.from(pem) }),
      (error) => isFault(error, "invalid") && why.test(error.message),
    );
  }
  const broken = { ...signatureBy(ecKey()), annotations: { "dev.cosignproject.cosign/signature": "###" } };
  assert.throws(() => signatureOf(broken), /is not base64/);
  assert.throws(() => signatureOf({ ...broken, annotations: {} }), /has no annotation/);
});

test("a log's promise is believed for this signature, this content and this key alone", () => {
  const [key, other, log] = [ecKey(), ecKey(), ecKey()];
  const signature = signatureOf(signatureBy(key));
  const entry = (changed: object = {}, publicKey = key.pem) => ({
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") } },
      signature: {
        content: signature.toString("base64"),
        publicKey: { content: Buffer.from(publicKey).toString("base64") },
      },
    },
    ...changed,
  });
  const bundle = (body: object, by = log) => {
    const Payload = {
      body: Buffer.from(JSON.stringify(body)).toString("base64"),
      integratedTime: 1_700_000_000,
      logIndex: 7,
      logID: "ab",
    };
    // RFC 8785: keys in order.
    const { body: text, integratedTime, logID, logIndex } = Payload;
    const canonical = Buffer.from(JSON.stringify({ body: text, integratedTime, logID, logIndex }));
    const promise = sign("sha256", canonical, by.privateKey).toString("base64");
    return JSON.stringify({ SignedEntryTimestamp: promise, Payload });
  };
  const inLog = (text: string | undefined) => {
    const more: Record<string, string> = text === undefined ? {} : { "dev.sigstore.cosign/bundle": text };
    const found = { ...signatureBy(key), annotations: more };
    return keysInLog(found, { payload, signature }, [keyOf(other, "other"), keyOf(key, "own")], [keyOf(log)]);
  };
  assert.deepEqual(
    inLog(bundle(entry())).map(({ name }) => name),
    ["own"],
  );
  assert.deepEqual(inLog(bundle(entry({}, ecKey().pem))), []);
  const { spec } = entry();
  const elsewhere = { ...spec, data: { hash: { algorithm: "sha256", value: "00" } } };
  for (const [text, why] of [
    [undefined, /no log promises to have it/],
    [bundle(entry(), other), /was not signed by a log of the policy/],
    [bundle(entry()).replace('"logIndex":7', '"logIndex":8'), /was not signed by a log/],
    [bundle(entry({ spec: elsewhere })), /for other content/],
    [
      bundle(entry({ spec: { ...spec, signature: { ...spec.signature, content: "AAAA" } } })),
      /for another signature/,
    ],
    [bundle(entry({ kind: "intoto" })), /entry is malformed: kind/],
    ["{}", /bundle is malformed/],
  ] as const) {
    assert.throws(
      () => inLog(text),
      (error) => isFault(error, "corrupt") && why.test(error.message),
      `${why}`,
    );
  }
});

test("keys come out of their armor, one block or several; what has none is left as it is", () => {
  const block = (bytes: string, head = "") =>
    `-----BEGIN PGP PUBLIC KEY BLOCK-----\n${head}\n${Buffer.from(bytes).toString("base64")}\n=AbCd\n-----END PGP PUBLIC KEY BLOCK-----\n`;
  assert.equal(
    withoutArmor(Buffer.from(`${block("first")}text\n${block("second", "Comment: x\n")}`)).toString(),
    "firstsecond",
  );
  assert.equal(withoutArmor(Buffer.from(block("crlf").replaceAll("\n", "\r\n"))).toString(), "crlf");
  assert.equal(withoutArmor(Buffer.from("\x99binary")).toString(), "\x99binary");
});
