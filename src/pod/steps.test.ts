import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, test } from "node:test";
import { Fault } from "../base/fault.ts";
import { runPodSandbox } from "./run.ts";
import { podSandboxSteps } from "./steps.ts";
import { podConfig, RecordingPodHost } from "./testing/recording-host.ts";
import { clearFailed } from "./undo.ts";

const names = podSandboxSteps.map((step) => step.name);

/** Fails at each of these points, once. */
function failingAt(...points: string[]): (point: string) => void {
  const left = new Set(points);
  return (point) => {
    if (left.delete(point)) throw new Fault("internal", `planted at ${point}`);
  };
}

async function podDirectories(host: RecordingPodHost): Promise<string[]> {
  return await readdir(host.parts.host.paths.pods).catch(() => []);
}

describe("RunPodSandbox, over every pair of a failing step and a failing undo", () => {
  for (const when of ["before", "after"]) {
    for (const failing of names) {
      for (const stuck of [undefined, ...names.slice(0, names.indexOf(failing) + 1)]) {
        test(`${failing}/${when} fails, undo ${stuck ?? "of none"} fails`, async () => {
          await using host = await RecordingPodHost.open();
          const { records } = host.parts.book;
          const undo = stuck === undefined ? [] : [`RunPodSandbox/${stuck}/undo`];
          host.atPoint = failingAt(`RunPodSandbox/${failing}/${when}`, ...undo);
          await assert.rejects(runPodSandbox(podConfig("web"), "", host.parts), (error: Error) =>
            error.message.includes("running pod test/web"),
          );
          if (stuck !== undefined) {
            const [record] = [...records.values()];
            assert.ok(
              record?.state.kind === "stranded" && record.state.step === stuck && record.state.from === "run",
            );
            await clearFailed(record, host.parts); // as a sweep or a repeat does
          }
          assert.equal(records.size, 0, "forgotten last");
          assert.deepEqual(host.traces(), []);
          assert.deepEqual(await podDirectories(host), []);
        });
      }
    }
  }
});

test("a repeat after a run that could not be undone clears it away and runs", async () => {
  await using host = await RecordingPodHost.open();
  host.atPoint = failingAt("RunPodSandbox/files/after", "RunPodSandbox/network/undo");
  await assert.rejects(runPodSandbox(podConfig("web"), "", host.parts));
  const id = await runPodSandbox(podConfig("web"), "", host.parts);
  assert.deepEqual([...host.attached], [id]);
  assert.equal(host.parts.book.records.get(id)?.state.kind, "ready");
  assert.equal(host.parts.book.records.size, 1);
});
