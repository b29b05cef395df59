import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { selfSigned } from "./self-signed.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-x509-"));
after(() => rmSync(directory, { recursive: true }));

const names = ["localhost", "node-1.example", "127.0.0.1", "::1", "2001:db8::a:0:1", "::ffff:192.0.2.7"];
const from = new Date("2049-12-01T10:20:30Z");
const until = new Date("2051-01-02T03:04:05Z");
const made = selfSigned({ commonName: "berth", names, from, until });

test("a certificate says what it was made with", () => {
  const certificate = new X509Certificate(made.cert);
  assert.equal(certificate.validFromDate.toISOString(), from.toISOString());
  assert.equal(certificate.validToDate.toISOString(), until.toISOString());
  assert.ok(certificate.checkPrivateKey(createPrivateKey(made.key)));
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.ca, false);
  for (const address of ["127.0.0.1", "::1", "2001:db8:0:0:0:a:0:1", "::ffff:c000:207"]) {
    assert.notEqual(certificate.checkIP(address), undefined, address);
  }
  assert.equal(certificate.checkIP("127.0.0.2"), undefined);
  for (const host of ["localhost", "node-1.example"]) assert.equal(certificate.checkHost(host), host);
});

test("openssl reads it, and trusts it where it is told to", () => {
  const file = join(directory, "cert.pem");
  writeFileSync(file, made.cert);
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { encoding: "utf8" });
  const text = openssl("x509", "-in", file, "-noout", "-text");
  assert.match(text, /X509v3 Basic Constraints: critical\s+CA:FALSE/);
  assert.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
  assert.match(text, /TLS Web Server Authentication/);
  const at = String(Date.parse("2050-06-01T00:00:00Z") / 1000);
  assert.match(openssl("verify", "-attime", at, "-CAfile", file, "-purpose", "sslserver", file), /: OK\n/);
});
