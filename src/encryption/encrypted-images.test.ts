import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openTestNode } from "../image/testing/node.ts";
import { hostProcesses } from "../linux/processes.ts";
import { failsSaying } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, pushManifest, randomLayer } from "../registry/testing/made-image.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { unwrapJwe } from "./jwe.ts";
import { readPrivateKeys } from "./key-files.ts";
import { openLayerKeys } from "./open.ts";

const prefix = "org.opencontainers.image.enc.keys.";

const signal = new AbortController().signal;
const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const skip = root ?? missingRegistry();
const image = makeImage([randomLayer("base", 300_000, 1), randomLayer("top", 5_000, 2)]);

describe("images that skopeo encrypted", { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-encrypted-"));
  const at = (name: string) => join(directory, name);
  let registry: TestRegistry;

  before(async () => {
    registry = await startRegistry();
    await pushImage(registry, "plain", image, ["1"]);
    mkdirSync(at("keys"));
    openssl("genrsa", "-out", at("rsa.pem"), "2048");
    openssl("rsa", "-in", at("rsa.pem"), "-pubout", "-out", at("rsa.pub"));
    openssl("ecparam", "-name", "secp521r1", "-genkey", "-noout", "-out", at("ec.pem"));
    openssl("ec", "-in", at("ec.pem"), "-pubout", "-out", at("ec.pub"));
    const self = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-days", "3"];
    openssl(...self, "-keyout", at("p7.key"), "-out", at("p7.crt"));
    encrypt("rsa", `jwe:${at("rsa.pub")}`);
    encrypt("both", `jwe:${at("rsa.pub")}`, `jwe:${at("ec.pub")}`);
    encrypt("pkcs7", `pkcs7:${at("p7.crt")}`);
  });

  after(async () => {
    await registry?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "ignore" });
  const name = (repository: string) => `${registry.host}/${repository}:1`;

  function encrypt(repository: string, ...keys: string[]): void {
    const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const args = ["copy", "-q", ...insecure, ...keys.flatMap((key) => ["--encryption-key", key])];
    execFileSync("skopeo", [...args, `docker://${name("plain")}`, `docker://${name(repository)}`]);
  }

  const openNode = () => {
    const settings = { keysDirectory: at("keys"), keyProviders: at("providers.conf") };
    const layerKeys = openLayerKeys({ settings, processes: hostProcesses(), path: process.env.PATH ?? "" });
    return openTestNode({ layerKeys });
  };

  /** Makes these the only keys of the node. */
  function giveKeys(...files: string[]): void {
    rmSync(at("keys"), { recursive: true });
    mkdirSync(at("keys"));
    for (const file of files) copyFileSync(at(file), join(at("keys"), file));
  }

  test("are unpacked with a key for them, RSA's or an elliptic curve's, to what was encrypted", async () => {
    for (const [repository, key] of [
      ["rsa", "rsa.pem"],
      ["both", "rsa.pem"],
      ["both", "ec.pem"],
    ] as const) {
      await using node = await openNode();
      giveKeys("p7.key", key);
      const record = await node.images.pull(name(repository), undefined, signal);
      assert.equal(record.id, image.id);
      assert.ok(record.layers.every(({ blob }) => blob.mediaType.endsWith("+encrypted")));
    }
  });

  test("are refused without one, and nothing of them is kept", async () => {
    await using node = await openNode();
    giveKeys();
    await failsSaying(node.images.pull(name("rsa"), undefined, signal), "forbidden", [
      `there is no private key in ${at("keys")}`,
      "decryption.keysDirectory",
    ]);
    giveKeys("ec.pem", "rsa.pub");
    const odd = `none of 1 private keys fits in ${at("keys")} (no keys, or ones with a password: ${at("keys/rsa.pub")})`;
    await failsSaying(node.images.pull(name("rsa"), undefined, signal), "forbidden", [odd]);
    await failsSaying(node.images.pull(name("pkcs7"), undefined, signal), "forbidden", [
      "wrapped by pkcs7 are not supported",
    ]);
    assert.deepEqual([...node.images.list()], []);
    assert.deepEqual((await node.snapshotter.list()).committed, []);
  });

  test("that are here already are pulled again only with a key", async () => {
    await using node = await openNode();
    giveKeys("rsa.pem");
    await node.images.pull(name("rsa"), undefined, signal);
    await node.images.pull(name("rsa"), undefined, signal);
    giveKeys("ec.pem");
    await failsSaying(node.images.pull(name("rsa"), undefined, signal), "forbidden", [
      "none of 1 private keys fits",
    ]);
    await node.images.pull(name("both"), undefined, signal);
  });

  test("that are not what was encrypted are not kept, though all their digests are right", async () => {
    await using node = await openNode();
    giveKeys("rsa.pem");
    const changed = await pushChanged("changed", async (annotations) => {
      const name = "org.opencontainers.image.enc.pubopts";
      const options = JSON.parse(Buffer.from(annotations[name] ?? "", "base64").toString());
      const other = { ...options, hmac: Buffer.alloc(32).toString("base64") };
      annotations[name] = Buffer.from(JSON.stringify(other)).toString("base64");
    });
    await failsSaying(node.images.pull(changed, undefined, signal), "corrupt", ["its HMAC differs"]);
    assert.deepEqual((await node.snapshotter.list()).committed, []);
  });

  /** Pushes skopeo's image with other annotations of its layers. */
  async function pushChanged(
    tag: string,
    change: (annotations: Record<string, string>) => Promise<void>,
  ): Promise<string> {
    const url = `${registry.url}/v2/rsa/manifests/1`;
    const manifest = JSON.parse(
      await (await fetch(url, { headers: { accept: mediaTypes.ociManifest } })).text(),
    );
    for (const { annotations } of manifest.layers) await change(annotations);
    await pushManifest(registry, "rsa", tag, mediaTypes.ociManifest, Buffer.from(JSON.stringify(manifest)));
    return `${registry.host}/rsa:${tag}`;
  }

  test("are opened by a key provider's command, which gets ocicrypt's question", async () => {
    // It turns the bytes around: it is the protocol that matters.
    const script = `let text = "";
process.stdin.on("data", (chunk) => (text += chunk)).on("end", () => {
  const { op, keyunwrapparams: { dc, annotation } } = JSON.parse(text);
  const optsdata = Buffer.from(annotation, "base64").reverse().toString("base64");
  if (op === "keyunwrap" && dc) console.log(JSON.stringify({ keyunwrapresults: { optsdata } }));
});\n`;
    writeFileSync(at("provider.cjs"), script);
    giveKeys("rsa.pem");
    // skopeo's command line doesn't know providers.
    const provided = await pushChanged("provided", async (annotations) => {
      const jwe = Buffer.from(annotations[`${prefix}jwe`] ?? "", "base64");
      const options = await unwrapJwe(jwe, await readPrivateKeys(at("keys")));
      delete annotations[`${prefix}jwe`];
      annotations[`${prefix}provider.turner`] = Buffer.from(options).reverse().toString("base64");
    });
    const cmd = { path: process.execPath, args: [at("provider.cjs")] };
    const providers = (one: object) =>
      writeFileSync(at("providers.conf"), JSON.stringify({ "key-providers": { turner: one } }));
    providers({ cmd });
    await using node = await openNode();
    giveKeys();
    const record = await node.images.pull(provided, undefined, signal);
    assert.equal(record.id, image.id);
    const pull = () => node.images.pull(provided, undefined, signal);
    providers({ grpc: "localhost:1" });
    await failsSaying(pull(), "forbidden", [
      'the key provider "turner" is no command; others (grpc) are not supported',
    ]);
    writeFileSync(at("no.sh"), "#!/bin/sh\necho 'sealed today' >&2; exit 5\n");
    chmodSync(at("no.sh"), 0o755);
    providers({ cmd: { path: at("no.sh") } });
    await failsSaying(pull(), "forbidden", ['the key provider "turner" exits with 5: sealed today']);
    writeFileSync(at("providers.conf"), '{"key-providers": {"turner": {"cmd": {"args": []}}}}');
    await failsSaying(pull(), "invalid", ["providers.conf: key-providers.turner.cmd.path: is missing"]);
    rmSync(at("providers.conf"));
    await failsSaying(pull(), "forbidden", ['there is no key provider "turner" in']);
  });
});
