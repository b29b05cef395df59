import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { describe, test } from "node:test";
import { clearPlace, exitTold, makePlace, openPlace, run, soon } from "./testing/place.ts";
import type { TestedHandler } from "./testing/tested-handler.ts";

const skip = process.getuid?.() === 0 ? false : "NOT RUN: containers need root";

const byConmon: TestedHandler = {
  name: "handler",
  config: { type: "oci", binary: "runc" },
  runtime: "runc",
  monitor: "conmon",
};
const byShim: TestedHandler = {
  name: "handler",
  config: { type: "io.containerd.runc.v2" },
  runtime: "runc",
  monitor: "shim",
};
const byAnother: TestedHandler = {
  ...byConmon,
  config: { type: "oci", binary: "crun" },
  runtime: "crun",
};
const removed: TestedHandler = { ...byConmon, name: "another" };

describe("a container whose handler is configured otherwise later", { skip, timeout: 120_000 }, () => {
  for (const { what, before, after } of [
    { what: "from a shim to an OCI runtime", before: byShim, after: byConmon },
    { what: "from an OCI runtime to a shim", before: byConmon, after: byShim },
    { what: "from one OCI runtime to another", before: byConmon, after: byAnother },
    { what: "from a shim to nothing", before: byShim, after: removed },
    { what: "from an OCI runtime to nothing", before: byConmon, after: removed },
  ]) {
    test(`${what}: goes on under what it was started with`, async () => {
      const place = await makePlace(before);
      try {
        const made = await run(place, { args: ["sleep", "1000"] });
        const ended = await run(place, { args: ["true"] });
        await exitTold(place, ended);
        const later = await openPlace(place.directory, place.cgroup, after);
        await goesOn(made, later);
        await later.runtime.delete(ended.id, before.name, soon());
      } finally {
        await clearPlace(place);
      }
    });
  }

  for (const before of [byShim, byConmon]) {
    test(`and that a berth without such notes started under ${before.monitor}`, async () => {
      const place = await makePlace(before);
      try {
        const made = await run(place, { args: ["sleep", "1000"] });
        const { handlerFile } = place.paths.container(made.id);
        rmSync(handlerFile);
        await openPlace(place.directory, place.cgroup, before);
        assert.ok(existsSync(handlerFile), "it is noted by the first that does");
        await goesOn(made, await openPlace(place.directory, place.cgroup, removed));
      } finally {
        await clearPlace(place);
      }
    });
  }
});

/** Everything that is asked of a container that runs, by a daemon with another configuration. */
async function goesOn(
  made: Awaited<ReturnType<typeof run>>,
  { runtime, paths }: Awaited<ReturnType<typeof openPlace>>,
): Promise<void> {
  const { id } = made;
  const { handler } = made.request;
  assert.equal(await runtime.state(id, handler, soon()), "running");
  assert.equal(runtime.isOnHost(id, handler), true);
  // whatever CRIU can do here
  assert.doesNotMatch(
    (await runtime.checkpointProblem({ id, handler })) ?? "",
    /configured|makes no checkpoints/,
  );
  const command = { id, handler, command: ["echo", "here"], timeout: undefined, maxOutput: 100 };
  const { stdout, exitCode } = await runtime.execSync(command, soon());
  assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ["here\n", 0]);
  await runtime.update(id, handler, { pids: { limit: 77 } }, soon());
  const attached = await runtime.attach({ id, stdin: false, stdout: true, stderr: true, tty: false }, soon());
  await attached.kill();
  await runtime.reopenLog(id, soon());
  await runtime.kill(id, handler, "SIGKILL", false, soon());
  using ending = new DisposableStack();
  const told = Promise.withResolvers<number>();
  const one = { id, container: made.container };
  ending.use(
    runtime.watchExits(
      () => [one],
      async ({ code }) => told.resolve(code),
    ),
  );
  assert.equal(await told.promise, 137);
  await runtime.delete(id, handler, soon());
  assert.equal(existsSync(paths.container(id).handlerFile), false);
}
