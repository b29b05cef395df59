import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { Fault } from "../base/fault.ts";
import { createContainer } from "./create.ts";
import { containerSteps } from "./steps.ts";
import { containerConfig, podId, RecordingContainerHost } from "./testing/recording-host.ts";
import { clearFailed } from "./undo.ts";

const names = containerSteps.map((step) => step.name);

/** Fails at each of these points, once. */
function failingAt(...points: string[]): (point: string) => void {
  const left = new Set(points);
  return (point) => {
    if (left.delete(point)) throw new Fault("internal", `planted at ${point}`);
  };
}

describe("CreateContainer, over every pair of a failing step and a failing undo", () => {
  for (const when of ["before", "after"]) {
    for (const failing of names) {
      for (const stuck of [undefined, ...names.slice(0, names.indexOf(failing) + 1)]) {
        test(`${failing}/${when} fails, undo ${stuck ?? "of none"} fails`, async () => {
          await using host = await RecordingContainerHost.open();
          const { records } = host.parts.book;
          const undo = stuck === undefined ? [] : [`CreateContainer/${stuck}/undo`];
          host.atPoint = failingAt(`CreateContainer/${failing}/${when}`, ...undo);
          await assert.rejects(
            createContainer(podId, containerConfig("web"), host.parts),
            /creating container web/,
          );
          if (stuck !== undefined) {
            const [record] = [...records.values()];
            assert.ok(record?.state.kind === "stranded" && record.state.step === stuck);
            await clearFailed(record, host.parts); // as a repeat or a Remove does
          }
          assert.equal(records.size, 0, "forgotten last");
          assert.deepEqual(host.traces(), []);
          assert.deepEqual(await readdir(host.parts.host.paths.containers).catch(() => []), []);
          assert.deepEqual([...host.parts.book.pendingChains], []);
        });
      }
    }
  }
});
