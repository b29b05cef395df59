import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { faultReason } from "../base/fault.ts";
import { failsSaying } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, pushManifest, randomLayer } from "../registry/testing/made-image.ts";
import { mediaTypes } from "../spec/oci-image.ts";
import { openPolicyNode, type PolicyNode } from "./testing/policy-node.ts";
import {
  attach,
  claim,
  ecKey,
  type GpgSigner,
  gpgSigner,
  type SigningKey,
  sigstoreLayer,
} from "./testing/signer.ts";

const signal = new AbortController().signal;
const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const skip = root ?? missingRegistry();

const image = makeImage([randomLayer("base", 5_000, 1)]);
const key = ecKey();

describe("which images may be used", { skip }, () => {
  let registry: TestRegistry;
  let gpg: GpgSigner;

  before(async () => {
    registry = await startRegistry();
    gpg = gpgSigner();
  });

  after(async () => {
    gpg?.[Symbol.dispose]();
    await registry?.[Symbol.asyncDispose]();
  });

  const scoped = (scope: string, ...requirements: object[]) => ({
    default: [{ type: "reject" }],
    transports: { docker: { [scope]: requirements } },
  });
  const sigstoreSigned = (by: SigningKey, more: object = {}) => ({
    type: "sigstoreSigned",
    keyData: Buffer.from(by.pem).toString("base64"),
    ...more,
  });
  /** Pushes the image and cosign's signature of it. */
  async function pushSigned(repository: string, by = key, how: "tag" | "referrer" = "tag"): Promise<string> {
    await pushImage(registry, repository, image, ["1"]);
    const name = `${registry.host}/${repository}:1`;
    await attach(
      registry,
      repository,
      image.manifest.digest,
      [sigstoreLayer(claim(image.manifest.digest, name), by)],
      how,
    );
    return name;
  }

  test("a name that the policy rejects is refused before any host is asked, by its rule", async () => {
    await using node = await openPolicyNode();
    node.write(
      "policy.json",
      scoped("*.berth.example", { type: "insecureAcceptAnything" }, { type: "reject" }),
    );
    const refused = await failsSaying(node.pull("quay.berth.example/a/b:1"), "forbidden", [
      `the policy ${node.at("policy.json")} refuses quay.berth.example/a/b:1`,
      'by transports.docker["*.berth.example"][1] (reject): no image is accepted',
    ]);
    assert.equal(faultReason(refused), "signatureValidation");
    await failsSaying(node.pull("elsewhere.example/a:1"), "forbidden", ["by default[0] (reject)"]);
  });

  test("an image that nobody signed is refused with every place that was looked at, and nothing of it is kept", async () => {
    await using node = await openPolicyNode();
    await pushImage(registry, "unsigned", image, ["1"]);
    node.write("policy.json", scoped(registry.host, sigstoreSigned(key)));
    const name = `${registry.host}/unsigned`;
    await failsSaying(node.pull(`${name}:1`), "forbidden", [
      `transports.docker["${registry.host}"][0] (sigstoreSigned): there is no sigstore signature of it`,
      `${name}:${image.manifest.digest.replace(":", "-")}.sig`,
      `referrers of ${name}@${image.manifest.digest}`,
    ]);
    assert.deepEqual([...node.images.list()], []);
    assert.deepEqual(await node.leftovers(), []);
  });

  for (const how of ["tag", "referrer"] as const) {
    test(`a signature by cosign's format, attached by ${how}, lets an image in`, async () => {
      await using node = await openPolicyNode();
      const name = await pushSigned(`signed-by-${how}`, key, how);
      node.write("policy.json", scoped(name, sigstoreSigned(key)));
      const record = await node.pull(name);
      assert.deepEqual(record.signed?.digests, [image.manifest.digest]);
      assert.deepEqual(
        record.signed?.signatures.map(({ kind }) => kind),
        ["sigstore"],
      );
    });
  }

  test("a signature by another key, for another image, or by another name counts for nothing", async () => {
    await using node = await openPolicyNode();
    const name = await pushSigned("wrong");
    const other = makeImage([randomLayer("other", 500, 2)]);
    node.write("policy.json", scoped(registry.host, sigstoreSigned(ecKey())));
    await failsSaying(node.pull(name), "forbidden", ["was not made with the key in transports.docker"]);

    await pushImage(registry, "wrong", other, ["2"]);
    const stolen = sigstoreLayer(claim(image.manifest.digest, `${registry.host}/wrong:2`), key);
    await attach(registry, "wrong", other.manifest.digest, [stolen]);
    node.write("policy.json", scoped(registry.host, sigstoreSigned(key)));
    const named = `${registry.host}/wrong:2`;
    await failsSaying(node.pull(named), "forbidden", [
      `it is for "${image.manifest.digest}", not for ${other.manifest.digest}`,
    ]);

    await pushImage(registry, "wrong", image, ["3"]);
    const wrongTag = [`it is for the name "${name}", which does not count for`, "(matchRepoDigestOrExact)"];
    await failsSaying(node.pull(`${registry.host}/wrong:3`), "forbidden", wrongTag);
    await node.pull(`${registry.host}/wrong@${image.manifest.digest}`);
    node.write(
      "policy.json",
      scoped(registry.host, sigstoreSigned(key, { signedIdentity: { type: "matchRepository" } })),
    );
    await node.pull(`${registry.host}/wrong:3`);
  });

  test("of an index, its own signature counts as well as that of the manifest for this host", async () => {
    await using node = await openPolicyNode();
    const platform = { architecture: process.arch === "arm64" ? "arm64" : "amd64", os: "linux" };
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [{ ...image.manifest, platform }],
      }),
    );
    for (const signed of ["index", "manifest"] as const) {
      const repository = `multi-${signed}`;
      await pushImage(registry, repository, image, ["plain"]);
      const index = await pushManifest(registry, repository, "1", mediaTypes.ociIndex, bytes);
      const name = `${registry.host}/${repository}:1`;
      const subject = signed === "index" ? index.digest : image.manifest.digest;
      node.write("policy.json", scoped(registry.host, sigstoreSigned(key)));
      await failsSaying(node.pull(name), "forbidden", ["there is no sigstore signature of it"]);
      await attach(registry, repository, subject, [sigstoreLayer(claim(subject, name), key)]);
      const record = await node.pull(name);
      assert.deepEqual(record.signed?.digests, [index.digest, image.manifest.digest]);
    }
  });

  test("all requirements must be met, each by a signature of its own", async () => {
    await using node = await openPolicyNode();
    const second = ecKey();
    const name = `${registry.host}/two:1`;
    await pushImage(registry, "two", image, ["1"]);
    const payload = claim(image.manifest.digest, name);
    node.write("policy.json", scoped(name, sigstoreSigned(key), sigstoreSigned(second)));
    await attach(registry, "two", image.manifest.digest, [sigstoreLayer(payload, key)]);
    await failsSaying(node.pull(name), "forbidden", [`transports.docker["${name}"][1] (sigstoreSigned): `]);
    await attach(registry, "two", image.manifest.digest, [
      sigstoreLayer(payload, key),
      sigstoreLayer(payload, second),
    ]);
    await node.pull(name);
  });

  test("simple signing: what skopeo signed with GPG is judged as skopeo judges it", async () => {
    await using node = await openPolicyNode();
    await pushImage(registry, "plain", image, ["1"]);
    const plain = `${registry.host}/plain:1`;
    const signed = `${registry.host}/gpg/signed:1`;
    const signing = ["--registries.d", node.at("registries.d"), "copy", "-q", "--sign-by", gpg.fingerprint];
    const insecure = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    execFileSync("skopeo", [...signing, ...insecure, `docker://${plain}`, `docker://${signed}`], {
      env: { ...process.env, GNUPGHOME: gpg.home },
    });
    using stranger = gpgSigner();
    const signedBy = { type: "signedBy", keyType: "GPGKeys" };
    const own = node.write("own.asc", gpg.publicKey);
    const other = node.write("other.asc", stranger.publicKey);
    const binary = execFileSync("gpg", ["--homedir", gpg.home, "--batch", "--quiet", "--export"]);
    const remapped = { type: "remapIdentity", prefix: registry.host, signedPrefix: "elsewhere.example" };
    const cases: [object, boolean][] = [
      [{ ...signedBy, keyPath: own }, true],
      [{ ...signedBy, keyData: binary.toString("base64") }, true],
      [{ ...signedBy, keyPaths: [other, own] }, true],
      [{ ...signedBy, keyPath: other }, false],
      [{ ...signedBy, keyPath: node.at("missing") }, false],
      [{ ...signedBy, keyPath: own, signedIdentity: { type: "matchExact" } }, true],
      [{ ...signedBy, keyPath: own, signedIdentity: remapped }, false],
      [
        { ...signedBy, keyPath: own, signedIdentity: { type: "exactReference", dockerReference: plain } },
        false,
      ],
    ];
    for (const [requirement, accepted] of cases) {
      const file = node.write("policy.json", scoped(registry.host, requirement));
      const bySkopeo = skopeoAccepts(signed, file, node.at("registries.d"), node.at("copy"));
      const byBerth = await isAllowed(node, signed);
      assert.deepEqual([bySkopeo, byBerth], [accepted, accepted], JSON.stringify(requirement));
    }
    const file = node.write("policy.json", scoped(registry.host, { ...signedBy, keyPath: own }));
    assert.equal(skopeoAccepts(plain, file, node.at("registries.d"), node.at("copy")), false);
    await failsSaying(node.pull(plain), "forbidden", [
      `there is no simple signing signature of it; looked at ${node.at("lookaside")}/plain@sha256=`,
    ]);
    node.write("policy.json", scoped(registry.host, { ...signedBy, keyPath: other }));
    await failsSaying(node.pull(signed), "forbidden", ["gpgv does not accept it", "No public key"]);
    node.write("policy.json", scoped(registry.host, { ...signedBy, keyPath: node.at("missing") }));
    await failsSaying(node.pull(signed), "invalid", [
      `the key ${node.at("missing")} of transports.docker`,
      "can't be read",
    ]);
  });

  test("a namespace's own policy takes the place of the node's, also for what is here already", async () => {
    await using node = await openPolicyNode();
    const name = await pushSigned("tenants/app");
    node.write("policy.json", scoped(name, { type: "insecureAcceptAnything" }));
    node.write("namespaces/strict.json", scoped(registry.host, sigstoreSigned(key)));
    node.write("namespaces/closed.json", { default: [{ type: "reject" }] });
    const record = await node.pull(name, "free");
    assert.equal(record.signed?.signatures.length, 1, "what another namespace wants is kept");
    await failsSaying(node.pull(name, "closed"), "forbidden", ["namespaces/closed.json refuses"]);
    await node.images.requireAllowed(record, name, "free", signal);
    await node.images.requireAllowed(record, name, "strict", signal);
    await node.images.requireAllowed(record, record.id, "strict", signal);
    await failsSaying(node.images.requireAllowed(record, name, "closed", signal), "forbidden", [
      `image ${name} is on this node, but may not be used: the policy ${node.at("namespaces/closed.json")}`,
    ]);
    await failsSaying(node.images.requireAllowed(record, name, "../strict", signal), "invalid", [
      "is not the name of a namespace",
    ]);
  });

  test("signatures that came after the image are looked for at its registry", async () => {
    await using node = await openPolicyNode();
    await pushImage(registry, "later", image, ["1"]);
    const name = `${registry.host}/later:1`;
    const record = await node.pull(name);
    assert.equal(record.signed?.signatures.length, 0);
    node.write("policy.json", scoped(registry.host, sigstoreSigned(key)));
    await failsSaying(node.images.requireAllowed(record, name, "", signal), "forbidden", [
      "there is no sigstore signature of it",
    ]);
    await pushSigned("later");
    await node.images.requireAllowed(record, name, "", signal);
    assert.equal(node.images.find(name)?.signed?.signatures.length, 1);
  });

  test("a policy that is missing or malformed refuses every image, and says where", async () => {
    await using node = await openPolicyNode();
    const name = await pushSigned("any");
    const file = node.write(
      "policy.json",
      '{"default": [{"type": "insecureAcceptAnything", "keypath": "/k"}]}',
    );
    await failsSaying(node.pull(name), "invalid", [
      `the policy ${file} is malformed: default[0].keypath: is not known`,
    ]);
    rmSync(file);
    await failsSaying(node.pull(name), "invalid", [
      `the signature policy ${file} is not there`,
      "policy.file",
    ]);
  });
});

async function isAllowed(node: PolicyNode, name: string): Promise<boolean> {
  return node.images.testAdmission(name, {}, signal).then(
    ({ allowed }) => allowed,
    () => false,
  );
}

function skopeoAccepts(name: string, policy: string, registriesDirectory: string, to: string): boolean {
  const global = ["--policy", policy, "--registries.d", registriesDirectory];
  try {
    execFileSync(
      "skopeo",
      [...global, "copy", "-q", "--src-tls-verify=false", `docker://${name}`, `dir:${to}`],
      {
        stdio: "ignore",
      },
    );
    return true;
  } catch {
    return false;
  } finally {
    rmSync(to, { recursive: true, force: true });
  }
}
