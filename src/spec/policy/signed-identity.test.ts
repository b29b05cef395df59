import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { parseReference } from "../reference.ts";
import { parseSignedClaim } from "./signature-payload.ts";
import { identityMatches, type SignedIdentity } from "./signed-identity.ts";

const digest = `sha256:${"a".repeat(64)}`;

test("the name in a signature, as containers/image compares it", () => {
  const simple = (type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository"): SignedIdentity => ({
    type,
  });
  const exact = simple("matchExact");
  const usual = simple("matchRepoDigestOrExact");
  const repository = simple("matchRepository");
  const reference: SignedIdentity = { type: "exactReference", dockerReference: "v.example/p:1" };
  const exactRepository: SignedIdentity = { type: "exactRepository", dockerRepository: "v.example/p" };
  const remap: SignedIdentity = { type: "remapIdentity", prefix: "m:5000/vendor", signedPrefix: "v.example" };
  const cases: [SignedIdentity, image: string, signed: string, boolean][] = [
    [exact, "q.io/a:1", "q.io/a:1", true],
    [exact, "q.io/a:1", "q.io/a:2", false],
    [exact, "q.io/a:1", "q.io/a", false],
    [exact, `q.io/a@${digest}`, "q.io/a:1", false],
    [exact, `q.io/a@${digest}`, `q.io/a@${digest}`, true],
    [exact, "busybox:1", "docker.io/library/busybox:1", true],
    [usual, "q.io/a:1", "q.io/a:1", true],
    [usual, "q.io/a:1", "q.io/a:2", false],
    [usual, "q.io/a:latest", "q.io/a", false],
    [usual, `q.io/a@${digest}`, "q.io/a:2", true],
    [usual, `q.io/a@${digest}`, "q.io/a", false],
    [usual, `q.io/a@${digest}`, "q.io/b:2", false],
    [usual, `q.io/a:1@${digest}`, "q.io/a:2", true],
    [repository, "q.io/a:1", "q.io/a", true],
    [repository, "q.io/a:1", "q.io/a:2", true],
    [repository, "q.io/a:1", "q.io/a/b:1", false],
    [reference, "q.io/a:1", "v.example/p:1", true],
    [reference, "q.io/a:1", "v.example/p:2", false],
    [exactRepository, "q.io/a:1", "v.example/p:2", true],
    [exactRepository, "q.io/a:1", "q.io/a:1", false],
    [remap, "m:5000/vendor/a:1", "v.example/a:1", true],
    [remap, "m:5000/vendor/a:1", "m:5000/vendor/a:1", false],
    [remap, "m:5000/vendors/a:1", "m:5000/vendors/a:1", true],
    [remap, `m:5000/vendor/a@${digest}`, "v.example/a:7", true],
    [usual, "q.io/a:1", "Q.IO/../a:1", false],
  ];
  for (const [identity, image, signed, matches] of cases) {
    const found = identityMatches(identity, parseReference(image), signed);
    assert.equal(found, matches, `${identity.type} ${image} ${signed}`);
  }
});

test("what is signed is read strictly", () => {
  const good = {
    critical: {
      type: "cosign container image signature",
      image: { "docker-manifest-digest": digest },
      identity: { "docker-reference": "q.io/a" },
    },
    optional: { creator: "x", timestamp: 7, anything: [] },
  };
  const bytes = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  assert.deepEqual(parseSignedClaim(bytes(good), "sigstore"), { digest, reference: "q.io/a" });
  assert.equal(parseSignedClaim(bytes({ ...good, optional: null }), "sigstore").digest, digest);
  for (const [value, why] of [
    [good, /not of type "atomic container signature"/],
    [{ ...good, more: 1 }, /more: is not known/],
    [{ critical: good.critical }, /optional: is missing/],
    [{ ...good, optional: { timestamp: 1.5 } }, /optional\.timestamp: is not a whole number/],
    [JSON.stringify(good).replace('"critical":', '"critical":{},"critical":'), /not JSON/],
    ["\xff", /is malformed|not JSON/],
  ] as const) {
    const kind = value === good ? "simple" : "sigstore";
    assert.throws(
      () => parseSignedClaim(bytes(value), kind),
      (error) => isFault(error, "corrupt") && why.test(error.message),
    );
  }
});
