import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { logWith, makeBundle, type Place, run, soon } from "./place.ts";
import type { TestedHandler } from "./tested-handler.ts";

/** Counts in memory, and tells of it in its log. */
const counter = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.05; done"];

const name = "a checkpoint leaves the container running, and another goes on from it";

export function checkpointCases(here: () => Place, { differences = {} }: TestedHandler): void {
  const why = differences["checkpoints of one container"];
  if (why !== undefined) {
    test(`not: ${name} (${why})`, async () => {
      const { runtime, handler } = here();
      assert.match(
        (await runtime.checkpointProblem({ handler })) ?? "",
        /of a sandbox with all its containers/,
      );
    });
    return;
  }
  test(name, async (t) => {
    const place = here();
    const { runtime, handler } = place;
    const problem = await runtime.checkpointProblem({ handler });
    if (problem !== undefined) {
      t.skip(`NOT RUN: ${problem}`);
      return;
    }
    const made = await run(place, { args: counter });
    await logWith(made, "count 9\n");
    const images = join(place.directory, "images");
    await runtime.checkpoint({ id: made.id, handler, images, work: join(place.directory, "work") });
    assert.ok(existsSync(join(images, "inventory.img")));
    assert.ok(runtime.alive(made.container.init));
    await runtime.delete(made.id, handler, soon());
    const request = await makeBundle(place, { args: counter });
    const container = await runtime.create({ ...request, restoreFrom: images }, soon());
    const restored = { id: request.id, request, container };
    const log = await logWith(restored, "count 20\n");
    assert.doesNotMatch(log, /count [1-9]\n/, "it does not begin anew");
    assert.equal(await runtime.state(request.id, handler, soon()), "running");
    await runtime.delete(request.id, handler, soon());
  });
}
