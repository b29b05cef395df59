import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import pino from "pino";
import { newContainerId } from "../../base/ids.ts";
import { pathsOf } from "../../config/paths.ts";
import { EventBody, EventsService, TaskEvent } from "../../wire/gen/shim-events.v1.ts";
import { TtrpcClient } from "../../wire/ttrpc/client.ts";
import { serveShimEvents } from "./events.ts";
import { publishProgram } from "./publish-program.ts";

async function listening() {
  const directory = await mkdtemp(join(tmpdir(), "berth-events-"));
  const grpc = { socket: join(directory, "b.sock"), group: "", maxMessage: 0 };
  const paths = pathsOf({ root: join(directory, "root"), state: join(directory, "run"), grpc });
  const serving = await serveShimEvents(paths, pino({ level: "silent" }));
  return {
    paths,
    async bundle() {
      const id = newContainerId();
      await mkdir(paths.container(id).bundle, { recursive: true });
      return id;
    },
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

const oomOf = (containerId: string) => ({
  typeUrl: "containerd.events.TaskOOM",
  value: TaskEvent.encode({ containerId }).finish(),
});

test("a shim tells that a container ran out of memory", async () => {
  await using place = await listening();
  const [id, other] = [await place.bundle(), await place.bundle()];
  using client = await TtrpcClient.connect(place.paths.shimEvents, AbortSignal.timeout(10_000));
  const { forward } = client.calls(EventsService);
  const tell = (topic: string, containerId: string) =>
    forward({ envelope: { timestamp: undefined, namespace: "k8s.io", topic, event: oomOf(containerId) } });
  await tell("/tasks/exit", other);
  await tell("/tasks/oom", "../../etc");
  await tell("/tasks/oom", newContainerId()); // of none that is known here
  await tell("/tasks/oom", id);
  assert.ok(existsSync(place.paths.container(id).oomFile));
  assert.ok(!existsSync(place.paths.container(other).oomFile));
  await assert.rejects(forward({}), /envelope: missing/);
});

test("a shim that runs the berth command tells the same", async () => {
  await using place = await listening();
  const id = await place.bundle();
  const flags = ["-address", place.paths.socket, "publish", "-topic", "/tasks/oom", "-namespace", "k8s.io"];
  const publishing = spawn(publishProgram(), flags, { stdio: ["pipe", "inherit", "inherit"] });
  publishing.stdin.end(EventBody.encode(oomOf(id)).finish());
  const code = await new Promise((resolve) => publishing.once("exit", resolve));
  assert.equal(code, 0);
  assert.ok(existsSync(place.paths.container(id).oomFile));
});
