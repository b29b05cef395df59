import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ContainerId } from "../../base/ids.ts";
import { pathsOf } from "../../config/paths.ts";
import { sandboxIdAnnotation } from "../../spec/cri/annotations.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { clearPlace, makePlace, openPlace, run, until } from "../testing/place.ts";
import { runcByShim } from "../testing/tested-handler.ts";
import { endOfKilled } from "./ending.ts";
import { endingOf, readMarker, type ShimMarker, writeMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";

const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";
const directory = mkdtempSync("/tmp/berth-ending-");
after(() => rmSync(directory, { recursive: true }));
const grpc = { socket: join(directory, "berth.sock"), group: "", maxMessage: 0 };
const paths = pathsOf({ root: join(directory, "root"), state: join(directory, "state"), grpc });
const marker = { group: "pod", handler: "gvisor", stdinOnce: false } as const;

/** How a container is over that a shim says so of. */
function killed(id: string, status: Status) {
  const calls = { state: async () => ({ status }) } as unknown as Shim["calls"];
  return endOfKilled(id as ContainerId, { calls }, paths, AbortSignal.timeout(20_000));
}

function marked(id: string, more: Partial<ShimMarker> = {}): string {
  mkdirSync(paths.container(id as ContainerId).bundle, { recursive: true });
  writeMarker(id as ContainerId, { ...marker, ...more }, paths);
  return id;
}

test("a container that is stopped, and whose exit nobody notes, ends untold", async () => {
  assert.equal(await killed(marked("stopped", { isStarted: true }), Status.STOPPED), "untold");
});

test("of one that was never started no exit is waited for once it is stopped", async () => {
  let asked = 0;
  const state = async () => ({ status: asked++ === 0 ? Status.STOPPED : Status.RUNNING });
  const id = marked("unstarted") as ContainerId;
  const shim = { calls: { state } as unknown as Shim["calls"] };
  assert.equal(await endOfKilled(id, shim, paths, AbortSignal.timeout(20_000)), "untold");
});

test("one that was never started, and stays created when it is killed, is over", async () => {
  assert.equal(await killed(marked("created"), Status.CREATED), "noted");
  assert.equal(await killed(marked("started", { isStarted: true }), Status.CREATED), "lives");
});

test("one that runs on, or whose exit is noted, does not", async () => {
  assert.equal(await killed(marked("running"), Status.RUNNING), "lives");
  assert.equal(await killed(marked("noted", { over: "noted" }), Status.STOPPED), "lives");
});

test("an exit that is noted a little later is waited for", async () => {
  const id = marked("later", { isStarted: true });
  const asked = killed(id, Status.STOPPED);
  marked(id, { isStarted: true, over: "noted" });
  assert.equal(await asked, "lives");
});

test("a shim is let go of by the next daemon where this one was killed before it could", {
  skip,
}, async () => {
  const place = await makePlace(runcByShim);
  try {
    const pod = "a".repeat(64);
    const edit = (config: OciConfig) => {
      config.annotations = { [sandboxIdAnnotation]: pod };
    };
    await run(place, { args: ["sleep", "1000"], edit });
    const ended = await run(place, { args: ["true"], edit });
    const member = join(place.paths.shim(pod).containers, ended.id);
    await until(() => !existsSync(member), "the shim to be let go of");
    for (const over of ["noted", "forgotten"] as const) {
      writeFileSync(member, "");
      const was = readMarker(ended.id, place.paths);
      assert.ok(was);
      writeMarker(ended.id, { ...was, over }, place.paths);
      await openPlace(place.directory, place.cgroup, runcByShim);
      await until(() => !existsSync(member), `the shim to be let go of, ${over}`);
      assert.equal(endingOf(ended.id, place.paths), "forgotten");
    }
  } finally {
    await clearPlace(place);
  }
});
