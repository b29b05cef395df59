import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import pino from "pino";
import { describeFault, type FaultKind, isFault } from "../../base/fault.ts";
import type { ChainId } from "../../base/ids.ts";
import type { Config } from "../../config/schema.ts";
import type { LayerOffer, Snapshotter } from "../contract.ts";
import { openSnapshotters } from "../snapshotters.ts";
import { changesSuite } from "../testing/changes-suite.ts";
import { asRoot, SnapshotFixture, type Tried, testTools } from "../testing/fixture.ts";
import { SnapshotsServer } from "../testing/snapshots-server.ts";
import { snapshotterSuite } from "../testing/suite.ts";
import type { SnapshotWorkers } from "../workers.ts";
import { RemoteSnapshotter } from "./remote-snapshotter.ts";

const deadline = 30_000;
/** stargz-snapshotter is in no package of Debian's: whoever has it says where. */
const stargz = process.env.BERTH_TEST_STARGZ;

/** Opens what a server keeps that is there by then. */
function triedAt(name: string, server: () => SnapshotsServer | undefined, within = deadline): Tried {
  const open = (directory: string, workers: SnapshotWorkers): Snapshotter => {
    const address = server()?.socket ?? "/nowhere";
    return new RemoteSnapshotter(
      { name, address, namespace: "k8s.io", deadline: within },
      directory,
      workers,
    );
  };
  return { name, open };
}

/** @returns the server, once the first test runs */
function serving(make: () => SnapshotsServer): () => SnapshotsServer {
  let server: SnapshotsServer | undefined;
  before(async () => {
    server = make();
    await server.start();
  });
  after(() => server?.[Symbol.asyncDispose]());
  return () => server ?? assert.fail("not before the tests");
}

function offerOf(chain: ChainId): LayerOffer {
  const blob = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: chain, size: 1_000_000 };
  return { chain, parent: undefined, blob, reference: "nowhere.example/a:1", manifest: chain, from: [chain] };
}

const told = (kind: FaultKind, text: string) => (error: unknown) =>
  (isFault(error, kind) && describeFault(error).includes(text)) || assert.fail(describeFault(error));

describe("containerd's overlayfs, called by its API", { skip: asRoot }, () => {
  const tried = triedAt(
    "overlayfs",
    serving(() => SnapshotsServer.containerd()),
  );
  snapshotterSuite(tried, "a server of its own", () => undefined);
  changesSuite(tried);
});

const withoutStargz =
  asRoot || (stargz === undefined ? "NOT RUN: BERTH_TEST_STARGZ names no program" : false);

describe("stargz-snapshotter", { skip: withoutStargz }, () => {
  const tried = triedAt(
    "stargz",
    serving(() => SnapshotsServer.stargz(stargz ?? "")),
  );
  snapshotterSuite(tried, "a server of its own", () => undefined);
  changesSuite(tried);
});

describe("a snapshotter in a process of its own", { skip: asRoot }, () => {
  const server = serving(() => SnapshotsServer.containerd());
  const here = triedAt("overlayfs", server);

  it("provides what it has, whoever committed it, and what is not berth's stays", async () => {
    await using ours = new SnapshotFixture(here);
    await using theirs = new SnapshotFixture(here);
    const provide = (chain: ChainId) =>
      ours.snapshots.provideLayer?.(offerOf(chain), AbortSignal.timeout(deadline));
    const missing = ours.newChain();
    assert.equal(await provide(missing), undefined);
    assert.deepEqual(await ours.snapshots.list(), { committed: [], containers: [], ingests: [] });
    const chain = await theirs.layer([{ name: "a", content: "x" }]);
    // what is read only when it is needed counts as its blob
    assert.equal((await provide(chain))?.bytes, 1_000_000);
    assert.deepEqual((await ours.snapshots.list()).committed, []);
    await ours.snapshots.remove(chain);
    assert.ok(await ours.snapshots.has(chain));
    await theirs.snapshots.remove(chain);
    assert.ok(!(await ours.snapshots.has(chain)));
  });

  it("keeps everything when it is killed, and is found again", async () => {
    await using fixture = new SnapshotFixture(here);
    const chain = await fixture.layer([{ name: "a", content: "x" }]);
    const key = fixture.newKey();
    await fixture.snapshots.prepareContainer(key, chain);
    const own = fixture.snapshots.writableLayer(key);
    await server().stop();
    await assert.rejects(fixture.snapshots.mounts(key), told("unavailable", server().socket));
    await server().start();
    const { committed, containers } = await fixture.snapshots.list();
    assert.deepEqual([committed, containers], [[chain], [key]]);
    const mounted = await fixture.mount(await fixture.snapshots.mounts(key));
    assert.ok(own.startsWith(join(server().directory, "root")));
    await fixture.unmount(mounted);
    assert.equal(fixture.reopened().writableLayer(key), own);
  });

  it("is looked at again and again by a daemon that has it, and told of while it is away", async () => {
    await using fixture = new SnapshotFixture(here);
    const remote = { address: server().socket, namespace: "k8s.io", deadline };
    const config = { image: { snapshotter: "overlayfs" }, runtime: { handlers: {} } };
    const place = {
      root: fixture.directory,
      workers: fixture.workers,
      tools: testTools,
      log: pino({ level: "silent" }),
    };
    const named = { ...config, remoteSnapshotters: { overlayfs: remote } } as unknown as Config;
    const snapshotters = await openSnapshotters(named, place);
    const problem = () => snapshotters.probes()[0]?.problem;
    assert.equal(await snapshotters.retry(), false);
    assert.equal(problem(), undefined);
    server().killUnnoticed();
    assert.equal(await snapshotters.retry(), false);
    assert.match(problem() ?? "", /nobody answers/);
    assert.throws(() => snapshotters.get("overlayfs"), told("unavailable", "nobody answers"));
    await server().start();
    assert.equal(await snapshotters.retry(), true);
    assert.equal(problem(), undefined);
  });

  it("is not waited for when it hangs", async () => {
    await using patient = new SnapshotFixture(here);
    const chain = await patient.layer([{ name: "a" }]);
    await using hasty = new SnapshotFixture(triedAt("overlayfs", server, 200));
    await server().hang();
    try {
      await assert.rejects(hasty.snapshots.has(chain), told("deadline", "no answer within 200 ms"));
      assert.match((await hasty.snapshots.probe()) ?? "", /no answer within 200 ms/);
    } finally {
      server().signal("SIGCONT");
    }
    assert.ok(await patient.snapshots.has(chain));
  });

  it("says that nobody is there, and what it is not", async () => {
    await using fixture = new SnapshotFixture(triedAt("stargz", () => undefined));
    const problem = await fixture.snapshots.probe();
    assert.match(problem ?? "", /snapshotter stargz \(\/nowhere\).*nobody answers at \/nowhere/);
    await using unknown = new SnapshotFixture(triedAt("other", server));
    assert.match((await unknown.snapshots.probe()) ?? "", /snapshotter other .*not loaded: other/);
    const users = { uids: { hostId: 100_000, length: 65_536 }, gids: { hostId: 100_000, length: 65_536 } };
    await using mapped = new SnapshotFixture(here);
    const key = mapped.newKey();
    await assert.rejects(
      mapped.snapshots.prepareContainer(key, undefined, users),
      told("unimplemented", "user namespace"),
    );
  });
});
