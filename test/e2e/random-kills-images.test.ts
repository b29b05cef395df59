import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { VerifiedState } from "../../src/wire/gen/berth.v1.ts";
import { ImageSpec } from "../../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { KillInWork } from "../harness/kill-in-work.ts";
import { assertNoLeaks, assertOnly, tracesOf } from "../harness/leaks.ts";
import { full, privileged } from "../harness/privileged.ts";
import { TestRegistry } from "../harness/registry.ts";
import { directory, file } from "../images/busybox.ts";
import type { TarEntry } from "../images/tar.ts";

const kills = full ? 50 : 5;

describe(`kill -9 of the daemon at ${kills} random moments of pulls and prunes`, privileged, () => {
  let daemon: TestDaemon;
  let registry: TestRegistry;
  let [one, other] = ["", ""];
  /** What the host holds of images when there are none. */
  let empty: readonly string[] = [];
  /** How many layers were whole at a kill, and not fetched again. */
  let spared = 0;
  const work = new KillInWork();

  before(async () => {
    registry = await TestRegistry.start();
    const shared = [layer("base"), layer("middle")];
    one = await registry.push(
      { layers: [...shared, layer("one"), layer("top")], config: {} },
      "killed/one:1",
    );
    other = await registry.push({ layers: [...shared, layer("other")], config: {} }, "killed/other:1");
    daemon = await TestDaemon.start({ runtime: "crun" });
    registry.trustIn(daemon.workspace.certsDir);
    empty = await tracesOf(daemon);
  });

  after(async () => {
    await daemon?.close();
    await registry?.close();
  });

  const pull = (image: string) =>
    daemon.images.pullImage({
      image: ImageSpec.create({ image }),
      auth: registry.auth,
      sandboxConfig: undefined,
    });
  const remove = (image: string) => daemon.images.removeImage({ image: ImageSpec.create({ image }) });
  const prune = (dryRun = false) => daemon.berth.prune({ dryRun, all: true, until: 0n, labels: [] });

  const pullAndPrune = () =>
    work.untilKilled([
      ["pull", () => pull(one)],
      ["prune", () => prune()],
      ["two pulls", () => Promise.all([pull(one), pull(other)])],
      ["remove", () => remove(other)],
      ["pull beside a prune", () => Promise.all([pull(other), prune()])],
      ["prune", () => prune()],
    ]);

  /** The layers that are whole on disk and that an image or an unfinished pull holds, as records tell: by blob. */
  function heldLayers(): Set<string> {
    const snapshots = join(daemon.workspace.root, "snapshots/overlay/l");
    const committed = readdirSync(snapshots).map(
      (name) => JSON.parse(readFileSync(join(snapshots, name, "snapshot.json"), "utf8")).chain,
    );
    using database = new DatabaseSync(join(daemon.workspace.root, "berth.db"), { readOnly: true });
    const records = database
      .prepare("select value from record where kind in ('images', 'image_leases')")
      .all()
      .map(({ value }) => String(value));
    const blobs = chains();
    return new Set(
      committed
        .filter((chain) => records.some((record) => record.includes(chain)))
        .map((chain) => blobs.get(chain) ?? chain),
    );
  }

  /** The blob of each chain, as learnt from images that were whole. */
  const known = new Map<string, string>();
  const chains = () => known;
  async function learnChains(): Promise<void> {
    for (const image of [one, other]) {
      const { info } = await daemon.images.imageStatus({ image: ImageSpec.create({ image }), verbose: true });
      for (const { chainId, blob } of JSON.parse(info.info ?? "{}").layers) known.set(chainId, blob.digest);
    }
  }

  async function assertSound(): Promise<void> {
    for await (const part of daemon.berth.verifyImages({ references: [], repair: false }))
      assert.equal(part.state, VerifiedState.VERIFIED_SOUND, JSON.stringify(part, plain));
  }

  async function killOnce(): Promise<void> {
    work.isKilled = false;
    const working = pullAndPrune();
    await Promise.race([sleep(Math.random() * 700), working]);
    work.isKilled = true;
    await daemon.kill();
    await working;
    const held = heldLayers();
    await registry.settled();
    const before = registry.sent();
    await daemon.launch();
    await pull(one);
    await pull(other);
    const sent = registry.sent();
    for (const blob of held)
      assert.equal(sent.get(blob), before.get(blob), `${blob} was here: it is not fetched again`);
    spared += held.size;
    await assertSound();
    await assertNoLeaks(daemon);
    await prune();
    await assertOnly(empty, daemon); // what was half removed at the kill goes beside all else
  }

  test("the next pull succeeds and fetches no layer that was here; nothing is left", async (t: TestContext) => {
    await pull(one);
    await pull(other);
    await learnChains();
    await prune();
    for (let number = 0; number < kills; number++) {
      try {
        await killOnce();
      } catch (error) {
        throw new Error(`kill ${number + 1}, unanswered ${work.unanswered()}: ${daemon.logTail(40)}`, {
          cause: error,
        });
      }
    }
    t.diagnostic(`${kills} kills; unanswered: ${work.unanswered()}; ${spared} layers spared`);
  });
});

/** A few files of bytes that don't compress. */
function layer(name: string): TarEntry[] {
  const files = Array.from({ length: 8 }, (_, index) => {
    const path = `data/${name}-${index}`;
    return file(
      path,
      createHash("shake256", { outputLength: 384 << 10 })
        .update(path)
        .digest(),
    );
  });
  return [directory("data"), ...files];
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
