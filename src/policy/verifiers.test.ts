import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { failsSaying } from "../registry/testing/client.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../registry/testing/docker-registry.ts";
import { makeImage, pushImage, randomLayer } from "../registry/testing/made-image.ts";
import { openPolicyNode } from "./testing/policy-node.ts";

const root = process.getuid?.() === 0 ? undefined : "needs root: overlay snapshots";
if (root !== undefined) console.error(`!!! SKIPPED: ${root}`);
const skip = root ?? missingRegistry();

const image = makeImage([randomLayer("base", 5_000, 1)]);

describe("image verifiers", { skip }, () => {
  let registry: TestRegistry;

  before(async () => {
    registry = await startRegistry();
  });

  after(() => registry?.[Symbol.asyncDispose]());

  async function push(repository: string): Promise<string> {
    await pushImage(registry, repository, image, ["1"]);
    return `${registry.host}/${repository}:1`;
  }

  test("verifiers are asked with containerd's arguments, and one that refuses or fails is enough", async () => {
    await using node = await openPolicyNode();
    const name = await push("verified");
    const log = node.at("asked");
    node.write("verifiers/10-log", `#!/bin/sh\nprintf '%s ' "$@" >${log}; cat >>${log}; echo fine\n`, 0o755);
    await node.pull(name);
    const descriptor = {
      mediaType: image.manifest.mediaType,
      digest: image.manifest.digest,
      size: image.manifest.size,
    };
    assert.equal(
      execFileSync("cat", [log]).toString(),
      `-name ${name} -digest ${image.manifest.digest} -stdin-media-type application/vnd.oci.descriptor.v1+json ` +
        JSON.stringify(descriptor),
    );
    const refusals: [string, string, number][] = [
      ["#!/bin/sh\necho 'not today'; exit 3\n", "exits with 3: not today", 0o755],
      ["#!/bin/sh\nkill -9 $$\n", "was ended by SIGKILL", 0o755],
      ["no program", "can't be run", 0o644],
    ];
    for (const [script, why, mode] of refusals) {
      rmSync(node.at("verifiers/20-no"), { force: true });
      node.write("verifiers/20-no", script, mode);
      await failsSaying(node.pull(name), "forbidden", [
        `the image verifier ${node.at("verifiers/20-no")} refuses ${name}: ${why}`,
      ]);
    }
    node.write("verifiers/30-more", "");
    await failsSaying(node.pull(name), "invalid", ["has 3 image verifiers", "policy.verifiers.max, now 2"]);
  });

  test("a verifier that hangs refuses, too", async () => {
    await using node = await openPolicyNode(500);
    const verifier = node.write("verifiers/10-hangs", "#!/bin/sh\nexec sleep 600\n", 0o755);
    const name = await push("hanging");
    await failsSaying(node.pull(name), "forbidden", [
      `the image verifier ${verifier} refuses ${name}: gives no answer within 500 ms`,
    ]);
  });
});
