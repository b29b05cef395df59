import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { attach, claim, ecKey, sigstoreLayer } from "../../src/policy/testing/signer.ts";
import { startRegistry, type TestRegistry } from "../../src/registry/testing/docker-registry.ts";
import { makeImage, pushImage } from "../../src/registry/testing/made-image.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { exited, podConfig, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { busyboxLayer } from "../images/busybox.ts";

describe("a daemon with signature policies", privileged, () => {
  const key = ecKey();
  const image = makeImage([busyboxLayer()], { config: { Cmd: ["sh"] } });
  const directory = mkdtempSync(join(tmpdir(), "berth-policies-"));
  const nodeFile = join(directory, "policy.json");
  let daemon: TestDaemon;
  let registry: TestRegistry;

  before(async () => {
    registry = await startRegistry();
    for (const repository of ["signed", "unsigned"]) await pushImage(registry, repository, image, ["1"]);
    const payload = claim(image.manifest.digest, name("signed"));
    await attach(registry, "signed", image.manifest.digest, [sigstoreLayer(payload, key)]);
    mkdirSync(join(directory, "namespaces"));
    writePolicy("namespaces/closed.json", { type: "reject" });
    const settings = `[policy]\nfile = "${nodeFile}"\nnamespaceDirectory = "${join(directory, "namespaces")}"\n`;
    daemon = await TestDaemon.start({ runtime: "crun", extraConfig: settings });
  });

  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    }
  });

  const name = (repository: string) => `${registry.host}/${repository}:1`;
  const writePolicy = (file: string, requirement: object) =>
    writeFileSync(join(directory, file), JSON.stringify({ default: [requirement] }));
  const signedByKey = () => ({ type: "sigstoreSigned", keyData: Buffer.from(key.pem).toString("base64") });
  const metadata = (namespace: string) => ({ name: "web", uid: "u", namespace, attempt: 0 });
  const pull = (image: string, namespace: string) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: undefined,
      sandboxConfig: podConfig(daemon, "web", { metadata: metadata(namespace) }),
    });

  test("a named policy that isn't there lets nothing in; one that comes counts at once", async () => {
    await assert.rejects(pull(name("signed"), "free"), /the signature policy \S+policy\.json is not there/);
    writePolicy("policy.json", signedByKey());
    await pull(name("signed"), "free");
  });

  test("the kubelet is told in its own word that an image is refused, and by which rule", async () => {
    const why = new RegExp(
      `^SignatureValidationFailed: pulling \\S+: the policy ${nodeFile} refuses ${name("unsigned")} ` +
        "by default\\[0\\] \\(sigstoreSigned\\): there is no sigstore signature of it",
    );
    await assert.rejects(pull(name("unsigned"), "free"), (error: Error) => why.test(error.message));
    await assert.rejects(
      pull(name("signed"), "closed"),
      /closed\.json refuses \S+ by default\[0\] \(reject\)/,
    );
    const { images } = await daemon.images.listImages({});
    assert.deepEqual(
      images.flatMap(({ repoTags }) => repoTags),
      [name("signed")],
    );
  });

  test("an image that is here runs in pods of the namespaces that may use it, and in no others", async () => {
    const free = await runPod(daemon, "free", { metadata: metadata("free") });
    const config = shellConfig("web", name("signed"), "exit 7");
    const status = await exited(daemon, await runContainer(daemon, free, config));
    assert.equal(status.exitCode, 7);
    const closed = await runPod(daemon, "closed", { metadata: { ...metadata("closed"), uid: "v" } });
    const byId = {
      ...config,
      image: ImageSpec.create({ image: image.id, userSpecifiedImage: name("signed") }),
    };
    await assert.rejects(
      runContainer(daemon, closed, byId),
      /^Fault: SignatureValidationFailed: image \S+ is on this node, but may not be used: .*closed\.json refuses/,
    );
  });

  test("berth policy test shows which rule holds, what it found and where; its exit code says the result", async () => {
    const fine = await daemon.command("policy test", name("signed"));
    assert.equal(fine.code, 0, fine.stderr);
    assert.match(
      fine.stdout,
      /^result +may be used\npolicy +\S+policy\.json \(policy\.file\)\nrule +default$/m,
    );
    assert.match(
      fine.stdout,
      /^default\[0\] +sigstoreSigned +accepted +signed by the key in default\[0\]: \S+\.sig$/m,
    );
    assert.match(fine.stdout, /^\S+\/signed:sha256-[0-9a-f]{64}\.sig +1 *$/m);
    const refused = await daemon.command(
      "policy test",
      "-o",
      "json",
      "--namespace",
      "closed",
      name("signed"),
    );
    assert.equal(refused.code, 1, refused.stderr);
    const { allowed, policy, requirements } = JSON.parse(refused.stdout);
    assert.deepEqual([allowed, policy.because], [false, "of the namespace closed"]);
    assert.deepEqual(requirements, [
      { path: "default[0]", type: "reject", accepted: false, reason: "no image is accepted" },
    ]);
    const missing = await daemon.command("policy test", name("missing"));
    assert.equal(missing.code, 4, missing.stderr);
  });
});
