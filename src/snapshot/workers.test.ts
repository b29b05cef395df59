import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { describeFault, Fault, isFault } from "../base/fault.ts";
import { hostMounts } from "../linux/mounts.ts";
import { programPath } from "../linux/program-path.ts";
import { openSnapshotter } from "./open.ts";
import { asRoot, testTools, usualSettings } from "./testing/fixture.ts";
import { packFault, unpackFault } from "./worker/protocol.ts";
import { SnapshotWorkers } from "./workers.ts";

/** Read at once: a thread that rests may end while others are waited for. */
const threads = () => Number(/Threads:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

describe("the workers", { timeout: 60_000 }, () => {
  let base: string;
  before(async () => {
    // Done by Node's pool, whose threads come with its first work and stay: they are not counted below.
    base = await mkdtemp(join(tmpdir(), "berth-workers-"));
  });
  after(() => rmSync(base, { recursive: true }));

  it("start with work, and end without", async () => {
    const workers = new SnapshotWorkers({ atMost: 3, idle: 50 });
    const none = threads();
    const usage = () => workers.run("usage", { directory: base });
    const working = Promise.all(Array.from({ length: 10 }, usage));
    assert.ok(threads() > none);
    await working;
    while (threads() > none) await sleep(20);
    assert.ok((await usage()).inodes > 0);
    await workers.close();
  });

  it("tidy up on a thread of their own, so that no layer waits for it", async () => {
    const workers = new SnapshotWorkers({ atMost: 1, idle: 30_000 });
    const none = threads();
    const [from, to] = [join(base, "from"), join(base, "to")];
    mkdirSync(from);
    await workers.run("copy", { from, to });
    const one = threads();
    await workers.run("remove", { directory: to });
    assert.ok(one > none && threads() > one);
    await workers.close();
  });

  it("fail with what was asked, and carry on", async () => {
    const workers = new SnapshotWorkers({ atMost: 1, idle: 50 });
    const missing = join(base, "missing");
    const failing = workers.run("usage", { directory: missing });
    await assert.rejects(
      failing,
      (error) => isFault(error, "notFound") && describeFault(error).includes(missing),
    );
    assert.equal(await workers.run("remove", { directory: missing }), undefined);
    await workers.close();
    await assert.rejects(workers.run("remove", { directory: missing }), (error) =>
      isFault(error, "unavailable"),
    );
  });

  it("end what is in work when they are closed", async () => {
    const workers = new SnapshotWorkers({ atMost: 1, idle: 50 });
    const working = workers.run("usage", { directory: "/usr" });
    const closed = workers.close();
    await assert.rejects(working, (error) => isFault(error, "cancelled"));
    await closed;
  });

  it("keep the kinds, hints and causes of faults", () => {
    const fault = new Fault("corrupt", "outer", {
      hint: "try",
      cause: new Error("inner", { cause: "text" }),
    });
    const back = unpackFault(structuredClone(packFault(fault)));
    assert.deepEqual([back.kind, back.hint, describeFault(back)], ["corrupt", "try", describeFault(fault)]);
    assert.equal(unpackFault(packFault(new Error("plain"))).kind, "internal");
    assert.equal(unpackFault(packFault("thrown text")).message, "thrown text");
  });

  it("find igzip on a search path", async () => {
    const file = join(base, "igzip");
    assert.equal(await programPath("igzip", `${base}:relative:`), undefined);
    writeFileSync(file, "", { mode: 0o755 });
    assert.equal(await programPath("igzip", `/nowhere:${base}`), file);
  });

  it("clear away what a killed daemon left, mounts too", { skip: asRoot }, async () => {
    const workers = new SnapshotWorkers({ atMost: 1, idle: 50 });
    const root = join(base, "left");
    const parts = { workers, tools: testTools, settings: usualSettings };
    await openSnapshotter("overlay", root, parts).probe();
    const merged = join(root, "t", "probe-x", "m");
    mkdirSync(merged, { recursive: true });
    mkdirSync(join(root, "l", "half", "d"), { recursive: true });
    await hostMounts().mount("left", merged, "tmpfs", []);
    const { committed } = await openSnapshotter("overlay", root, parts).list();
    assert.deepEqual(committed, []);
    assert.deepEqual(await hostMounts().below(root), []);
    while (readdirSync(join(root, "t")).length > 0) await sleep(10);
    assert.deepEqual(readdirSync(join(root, "l")), []);
    await workers.close();
  });
});
