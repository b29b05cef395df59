import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DiskUsageResponse } from "../../src/wire/gen/berth.v1.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { eventually, type MadePod, removePod, runContainer, runPod, shellConfig } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { busyboxLayer, directory, file } from "../images/busybox.ts";

describe("what images take, who holds it, and what goes", privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let pod: MadePod;
  let [used, spare, dangling] = ["", "", ""];

  before(async () => {
    registry = await TestRegistry.start();
    const push = (text: string, tag: string, Labels = {}) =>
      registry.push({ layers: [busyboxLayer(), page(text)], config: { Cmd: ["sh"], Labels } }, tag);
    used = await push("used", "upkeep/used:1");
    spare = await push("spare", "upkeep/spare:1", { team: "shop" });
    dangling = await push("before", "upkeep/moved:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    // For who brings damaged layers anew, which no kubelet gives a credential for.
    const hosts = join(daemon.workspace.certsDir, registry.host, "hosts.toml");
    const credential = Buffer.from(`${registry.username}:${registry.password}`).toString("base64");
    writeFileSync(hosts, `${readFileSync(hosts, "utf8")}[header]\nauthorization = "Basic ${credential}"\n`);
    for (const image of [used, spare, dangling]) await pull(image);
    await push("after", "upkeep/moved:1");
    await pull(dangling);
    pod = await runPod(daemon, "user");
    await runContainer(daemon, pod, shellConfig("main", used, "echo written >/file; exec sleep 9999"));
  });

  after(async () => {
    try {
      if (daemon !== undefined) await endDaemon(daemon);
    } finally {
      await registry?.close();
    }
  });

  const pull = (image: string) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: registry.auth,
      sandboxConfig: undefined,
    });
  const names = async () => {
    const { images } = await daemon.images.listImages({});
    return images.map(({ repoTags }) => repoTags[0] ?? "<none>").sort();
  };
  const ask = async (...args: string[]) => {
    const { code, stdout, stderr } = await daemon.command(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  /** What layers, blobs and lists take together. */
  const ofImages = ({ places }: DiskUsageResponse) =>
    places
      .filter(({ what }) => /^(layers|blobs|lists)/.test(what))
      .reduce((sum, { bytes }) => sum + bytes, 0n);

  test("du: shared and unique bytes, and a total that is the disk's", async () => {
    // A record may be written between the two counts.
    const usage = await eventually("two counts that agree", 10_000, async () => {
      const counted = await daemon.berth.diskUsage({});
      const said = execFileSync("du", ["-s", "--block-size=1", daemon.workspace.root], { encoding: "utf8" });
      return counted.totalBytes === BigInt(said.split("\t")[0] ?? "") ? counted : undefined;
    });
    assert.equal(
      usage.places.reduce((sum, { bytes }) => sum + bytes, 0n),
      usage.totalBytes,
    );
    const base = usage.layers.toSorted((one, other) => Number(other.bytes - one.bytes))[0];
    assert.equal(base?.holders.length, 4, "the busybox, which all have");
    for (const { bytes, sharedBytes, uniqueBytes } of usage.images) {
      assert.equal(sharedBytes + uniqueBytes, bytes);
      assert.ok(sharedBytes >= (base?.bytes ?? 0n) && uniqueBytes > 0n);
    }
    const [container] = usage.containers;
    assert.equal(container?.name, "main");
    assert.ok((container?.bytes ?? 0n) > 0n);
    const shown = await ask("du", "-v");
    assert.match(shown, new RegExp(`${used} .* 1\\n`));
    assert.match(shown, /\ntotal +\S+MB\n$/);
  });

  test("gc explain: who holds an image, its layers and blobs, a container's files", async () => {
    const about = (thing: string) => ask("gc", "explain", thing);
    assert.match(
      await about(used),
      /held by container main \([0-9a-f]{13}\)\n {2}it can't be removed as long as/,
    );
    assert.match(await about(spare), /held by nothing\n.*`berth prune --all` does, or a kubelet/);
    const { layers } = await daemon.berth.diskUsage({});
    const layer = layers.find(({ holders }) => holders.some(({ kind }) => kind === "container"));
    const shown = await about(layer?.chain.slice(7, 27) ?? "");
    assert.match(shown, new RegExp(`^layer ${layer?.chain}, in overlay`));
    assert.match(shown, new RegExp(`held by image ${used} \\([0-9a-f]{13}\\)\n.*held by container main`));
    const { info } = await daemon.images.imageStatus({
      image: ImageSpec.create({ image: used }),
      verbose: true,
    });
    const { manifest, layers: parts } = JSON.parse(info.info ?? "{}");
    assert.match(
      await about(manifest.digest),
      new RegExp(`^blob ${manifest.digest}.*held by image ${used}`, "s"),
    );
    assert.match(await about(parts[0].blob.digest), /dropped once it was unpacked/);
    assert.match(await about("main"), new RegExp(`^container .*main, made from ${used}`, "s"));
    const unknown = await daemon.command("gc", "explain", "f".repeat(20));
    assert.deepEqual([unknown.code, /nothing on this node has/.test(unknown.stderr)], [4, true]);
  });

  test("prune: without a tag; with --all what no container uses; as a dry run, nothing", async () => {
    const before = await daemon.berth.diskUsage({});
    const planned = await daemon.berth.prune({ dryRun: true, all: false, until: 0n, labels: [] });
    assert.deepEqual(
      planned.images.map(({ names }) => names[0]?.split("@")[0]),
      [dangling.slice(0, -2)],
      "what the tag has left behind",
    );
    assert.equal((await names()).length, 4);
    const { images, bytes } = await daemon.berth.prune({ dryRun: false, all: false, until: 0n, labels: [] });
    assert.equal(images[0]?.id, planned.images[0]?.id);
    assert.equal(ofImages(before) - ofImages(await daemon.berth.diskUsage({})), bytes);
    assert.equal(bytes, planned.bytes);
    assert.match(await ask("prune", "-a", "--dry-run", "-f", "until=1h"), /nothing would go/);
    assert.match(
      await ask("prune", "-a", "--dry-run", "-f", "label=team=shop"),
      new RegExp(`^IMAGE.*\n${spare} `),
    );
    assert.match(await ask("prune", "--all"), new RegExp(`${dangling} .*\n${spare} .*\n\\S+ came back\n$`));
    assert.deepEqual(await names(), [used]);
    assert.equal((await daemon.command("prune", "-f", "nonsense=1")).code, 2);
  });

  test("images verify: what is damaged, its repair, and why it must wait", async () => {
    assert.match(
      await ask("images", "verify"),
      /\n {2}layer +[0-9a-f]{13} {2}ok {2}\d+ files, .*\n4 ok, 0 damaged\n$/,
    );
    const layers = join(daemon.workspace.root, "snapshots/overlay/l");
    const paths = readdirSync(layers).map((name) => join(layers, name, "d/www/used.html"));
    const path = paths.find((each) => attempt(() => readFileSync(each)) !== undefined) ?? "";
    writeFileSync(path, "usEd");
    const damaged = await daemon.command("images", "verify", used);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stdout, /damaged.*\n {4}\/www\/used.html has another content\n/);
    const refused = await daemon.command("images", "verify", "--repair", used);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /it can't be repaired: it is in use by container main/);
    await removePod(daemon, pod.id);
    assert.match(
      await ask("images", "verify", "--repair", used),
      /repaired.*\n3 ok, 0 damaged, 1 repaired\n$/s,
    );
    assert.equal(readFileSync(path, "utf8"), "used");
    assert.doesNotMatch(await ask("images", "verify", "-o", "json"), /VERIFIED_(DAMAGED|UNCHECKED)/);
  });
});

function page(text: string) {
  return [directory("www"), file(`www/${text}.html`, text)];
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
