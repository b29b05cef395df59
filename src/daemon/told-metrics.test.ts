import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import { Fault } from "../base/fault.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import type { NodeParts } from "./node-parts.ts";
import { toldPodMetrics } from "./told-metrics.ts";

const inCgroup = 7;
const metrics = { figures: {} };

function podOf(id: string, sandboxer: "podsandbox" | "shim", pid: number): PodSandboxRecord {
  const process = { pid, startTicks: 1 };
  const state = { kind: "ready", at: 1n, network: {}, init: { monitor: process, init: process } };
  return { id, sandboxer, cgroup: "/pod", state } as unknown as PodSandboxRecord;
}

test("shims are asked for figures of sandboxes that are not in their pods' cgroups alone", async () => {
  const asked: string[] = [];
  const node = {
    log: pino({ level: "silent" }),
    host: { cgroups: { processes: async () => [inCgroup] } },
    runtime: {
      sandboxes: {
        metrics: async (id: string) => {
          asked.push(id);
          if (id === "failing") throw new Fault("unimplemented", "no figures");
          return id === "silent" ? undefined : metrics;
        },
      },
    },
  } as unknown as NodeParts;
  const records = [
    podOf("inside", "shim", inCgroup),
    podOf("container", "podsandbox", 8),
    ...["outside", "failing", "silent"].map((id) => podOf(id, "shim", 8)),
  ];
  const told = await toldPodMetrics(records, node, new AbortController().signal);
  assert.deepEqual(asked.sort(), ["failing", "outside", "silent"]);
  assert.deepEqual([...told], [["outside", metrics]]);
});
