import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ContainerId } from "../../base/ids.ts";
import { pathsOf } from "../../config/paths.ts";
import { Status } from "../../wire/gen/task.v2.ts";
import { writeMarker } from "./marker.ts";
import type { Shim } from "./shim.ts";
import { endsUntold } from "./untold.ts";

const directory = mkdtempSync("/tmp/berth-untold-");
after(() => rmSync(directory, { recursive: true }));
const grpc = { socket: join(directory, "berth.sock"), group: "", maxMessage: 0 };
const paths = pathsOf({ root: join(directory, "root"), state: join(directory, "state"), grpc });
const marker = { group: "pod", handler: "gvisor", stdinOnce: false } as const;

/** Whether a shim that says so of a container leaves its exit untold. */
function untold(id: string, status: Status): Promise<boolean> {
  const calls = { state: async () => ({ status }) } as unknown as Shim["calls"];
  return endsUntold(id as ContainerId, { calls }, paths, AbortSignal.timeout(20_000));
}

function marked(id: string, over?: "noted"): string {
  mkdirSync(paths.container(id as ContainerId).bundle, { recursive: true });
  writeMarker(id as ContainerId, { ...marker, ...(over === undefined ? {} : { over }) }, paths);
  return id;
}

test("a container that is stopped, and whose exit nobody notes, ends untold", async () => {
  assert.equal(await untold(marked("stopped"), Status.STOPPED), true);
});

test("one that runs on, or whose exit is noted, does not", async () => {
  assert.equal(await untold(marked("running"), Status.RUNNING), false);
  assert.equal(await untold(marked("noted", "noted"), Status.STOPPED), false);
});

test("an exit that is noted a little later is waited for", async () => {
  const id = marked("later");
  const asked = untold(id, Status.STOPPED);
  marked(id, "noted");
  assert.equal(await asked, false);
});
