import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { digestOf } from "./digest.ts";
import { formatReference, isLoopbackHost, parseReference } from "./reference.ts";

const digest = digestOf("x");

const good: Record<string, string> = {
  busybox: "docker.io/library/busybox:latest",
  "busybox:1.36": "docker.io/library/busybox:1.36",
  "library/busybox": "docker.io/library/busybox:latest",
  "index.docker.io/busybox": "docker.io/library/busybox:latest",
  "docker.io/busybox": "docker.io/library/busybox:latest",
  "me/app:v1": "docker.io/me/app:v1",
  "quay.io/a/b/c__d-e.f": "quay.io/a/b/c__d-e.f:latest",
  "localhost/app": "localhost/app:latest",
  "localhost:5000/app:v1": "localhost:5000/app:v1",
  "myhost:5000/app": "myhost:5000/app:latest",
  "[::1]:5000/app:v1": "[::1]:5000/app:v1",
  "[fd00::2]/app": "[fd00::2]/app:latest",
  "UPPER/app": "UPPER/app:latest",
  "127.0.0.1:5000/e2e-test-images/nginx:1.14-2": "127.0.0.1:5000/e2e-test-images/nginx:1.14-2",
  [`busybox@${digest}`]: `docker.io/library/busybox@${digest}`,
  [`busybox:1.36@${digest}`]: `docker.io/library/busybox@${digest}`,
  "host:5000": "docker.io/library/host:5000",
};

test("references as users write them", () => {
  for (const [text, normal] of Object.entries(good)) {
    assert.equal(formatReference(parseReference(text)), normal, text);
    assert.equal(formatReference(parseReference(normal)), normal, normal);
  }
});

test("what is not a reference is refused, and the message says why", () => {
  const bad = {
    "": /names no repository/,
    Busybox: /lower case/,
    "a//b": /can't be part/,
    "a/../b": /can't be part/,
    "/a": /can't be part/,
    "a/": /can't be part/,
    "busybox:": /not a tag/,
    "busybox:-x": /not a tag/,
    "busybox:a/b": /can't be part|not a host/,
    "busybox@sha256:abc": /not an image reference/,
    "busybox@": /not an image reference/,
    "host:99999/app": /not a host/,
    "host:0/app": /not a host/,
    "-host.x/app": /not a host/,
    "[::1/app": /not a host/,
    "[::1]:5000": /can't be part/,
    "a b": /can't be part/,
    "a\n": /can't be part/,
    [`${"a".repeat(300)}`]: /longer than/,
    ["a".repeat(64)]: /image id/,
    "https://quay.io/a": /not a host/,
  };
  for (const [text, message] of Object.entries(bad)) {
    assert.throws(
      () => parseReference(text),
      (error) =>
        isFault(error, "invalid") && message.test(String(error.message))
          ? true
          : assert.fail(`${text}: ${error}`),
    );
  }
});

test("any text gives a reference that reads back the same, or a Fault", () => {
  const piece = fc.stringMatching(/^[a-zA-Z0-9.:/@_[\]-]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(piece, fc.string(), fc.constantFrom(...Object.keys(good))), (text) => {
      try {
        const once = formatReference(parseReference(text));
        assert.equal(formatReference(parseReference(once)), once);
      } catch (error) {
        assert.ok(isFault(error, "invalid", "unimplemented"), `${text}: ${error}`);
      }
    }),
    { numRuns: 2000 },
  );
});

test("loopback hosts", () => {
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:80", "127.9.9.9", "[::1]:5000"])
    assert.ok(isLoopbackHost(host));
  for (const host of ["127.0.0.1.evil.com", "localhost.evil", "10.0.0.1", "[fd00::1]"])
    assert.ok(!isLoopbackHost(host));
});
