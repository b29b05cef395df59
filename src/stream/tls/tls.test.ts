import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import { isFault } from "../../base/fault.ts";
import { type KeyPair, selfSigned } from "../../wire/x509/self-signed.ts";
import { type Serving, serving } from "../testing/serving.ts";

const dayMs = 86_400_000;
const command = ["true"];
const wanted = { stdout: true };

function pair(commonName: string, days = 100): KeyPair {
  const now = Date.now();
  const names = ["localhost", "127.0.0.1"];
  return selfSigned({ commonName, names, from: new Date(now - dayMs), until: new Date(now + days * dayMs) });
}

/** The certificate that the server at the URL shows to a client that trusts `ca`. */
function shownAt(url: string, ca: string, options: ConnectionOptions = {}): Promise<PeerCertificate> {
  const { hostname, port, protocol } = new URL(url);
  assert.equal(protocol, "https:");
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, ...options }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

/** A server whose certificate lies in files of the test's. */
async function servingFiles(first: KeyPair | undefined) {
  const home = await serving(); // for its directory
  const files = { certFile: join(home.root, "tls.crt"), keyFile: join(home.root, "tls.key") };
  const put = ({ cert, key }: Partial<KeyPair>) => {
    if (cert !== undefined) writeFileSync(files.certFile, cert);
    if (key !== undefined) writeFileSync(files.keyFile, key);
  };
  if (first !== undefined) put(first);
  const up = await serving({ tls: true, ...files });
  const close = async () => {
    await up[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  };
  return { up, put, files, url: () => up.execUrl(command, wanted), [Symbol.asyncDispose]: close };
}

test("a certificate of the operator's is shown, and another one once its files have changed", async () => {
  const [first, second] = [pair("first"), pair("second")];
  await using at = await servingFiles(first);
  assert.equal((await shownAt(at.url(), first.cert)).subject.CN, "first");
  at.put({ cert: second.cert });
  assert.equal((await shownAt(at.url(), first.cert)).subject.CN, "first", "its key is still to come");
  assert.match(at.up.server.problem() ?? "", /tls\.crt .*tls\.key: the key is not that of the certificate/);
  at.put({ key: second.key });
  assert.equal((await shownAt(at.url(), second.cert)).subject.CN, "second");
  assert.equal(at.up.server.problem(), undefined);
});

test("without a good certificate no URL is given out, and it is said which file is wrong and why", async () => {
  await using at = await servingFiles(undefined);
  const refused = (words: RegExp) =>
    assert.throws(at.url, (error) => isFault(error, "unavailable") && words.test(String(error.message)));
  refused(/^streaming\.certFile .*tls\.crt$/);
  assert.match(at.up.server.problem() ?? "", /tls\.crt: ENOENT/);
  const { cert, key } = pair("late");
  at.put({ cert: "no certificate", key });
  refused(/tls\.crt/);
  at.put({ cert });
  assert.equal((await shownAt(at.url(), cert)).subject.CN, "late");
});

test("one that has expired is shown, and told of", async () => {
  await using at = await servingFiles(pair("old", -0.5));
  at.url();
  assert.match(at.up.server.problem() ?? "", /has expired on/);
});

test("a client that speaks only what is older than the least version is refused", async () => {
  for (const [minTlsVersion, works] of [
    ["1.2", true],
    ["1.3", false],
  ] as const) {
    await using up = await serving({ tls: true, minTlsVersion });
    const url = up.execUrl(command, wanted);
    const shown = shownAt(url, ownCertificate(up), { maxVersion: "TLSv1.2" });
    if (works) await shown;
    else await assert.rejects(shown, /protocol version/);
  }
});

function ownCertificate({ root }: Serving): string {
  return readFileSync(join(root, "streams/cert.pem"), "utf8");
}

test("a certificate of the daemon's own that was made by a clock that was ahead is made again once that is set right", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-tls-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const { generatedCertificate } = await import("./generated-certificate.ts");
  const source = generatedCertificate(directory, "127.0.0.1");
  const now = Date.now();
  t.mock.timers.enable({ apis: ["Date"], now: now + 86_400_000 });
  const early = source.read().cert;
  assert.equal(source.read().cert, early);
  t.mock.timers.setTime(now);
  assert.notEqual(source.read().cert, early);
});

test("a certificate of the daemon's own is for its address, kept over restarts, and made again before it ends", async () => {
  await using up = await serving({ tls: true });
  const url = up.execUrl(command, wanted);
  const own = ownCertificate(up);
  const shown = await shownAt(url, own);
  assert.match(shown.subjectaltname ?? "", /DNS:localhost.*IP Address:127\.0\.0\.1/);
  const directory = join(up.root, "streams");
  assert.equal(statSync(join(directory, "key.pem")).mode & 0o777, 0o600);
  const { generatedCertificate } = await import("./generated-certificate.ts");
  assert.equal(generatedCertificate(directory, "127.0.0.1").read().cert, own, "as a restart finds it");
  const elsewhere = generatedCertificate(directory, "192.0.2.9").read().cert;
  assert.notEqual(elsewhere, own, "another address");
  for (const [days, isKept] of [
    [40, true],
    [20, false],
  ] as const) {
    const planted = pair("planted", days);
    writeFileSync(join(directory, "cert.pem"), planted.cert);
    writeFileSync(join(directory, "key.pem"), planted.key);
    assert.equal(
      generatedCertificate(directory, "127.0.0.1").read().cert === planted.cert,
      isKept,
      `${days}`,
    );
  }
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  writeFileSync(join(directory, "cert.pem"), "half of a crash");
  assert.match(generatedCertificate(directory, "127.0.0.1").read().cert, /BEGIN CERTIFICATE/);
});
