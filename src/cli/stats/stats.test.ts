import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerStats, PodSandboxStats } from "../../wire/gen/runtime.v1.ts";
import { containerFigures, podFigures } from "./figures.ts";
import { containerStatsTable, podStatsTable, sorted } from "./stats-table.ts";

const second = 1_000_000_000n;

function container(
  id: string,
  at: bigint,
  used: bigint,
  more: Parameters<typeof ContainerStats.create>[0] = {},
) {
  return ContainerStats.create({
    attributes: { id, metadata: { name: `name-${id}`, attempt: 0 } },
    cpu: { timestamp: at, usageCoreNanoSeconds: { value: used } },
    ...more,
  });
}

test("cores are what was used between two readings, else what the runtime says", () => {
  const before = [container("a", second, second), container("b", second, 5n * second)];
  const now = [
    container("a", 3n * second, 4n * second),
    container("b", second, 5n * second, {
      cpu: { timestamp: second, usageCoreNanoSeconds: { value: 5n }, usageNanoCores: { value: second / 2n } },
    }),
    container("c", second, 1n),
  ];
  assert.deepEqual(
    containerFigures(now, before).map(({ cores }) => cores),
    [1.5, 0.5, undefined],
  );
});

test("a container that was started anew uses no less than nothing", () => {
  assert.equal(containerFigures([container("a", 2n, 1n)], [container("a", 1n, 9n)])[0]?.cores, 0);
});

test("a limit is what is used and what is available; 0 available is none that is told", () => {
  const limit = (available: bigint) =>
    containerFigures(
      [
        container("a", 1n, 1n, {
          memory: { workingSetBytes: { value: 10n }, availableBytes: { value: available } },
        }),
      ],
      [],
    )[0]?.memoryLimit;
  assert.deepEqual([limit(54n), limit(0n), limit(2n ** 63n - 4096n)], [64, undefined, undefined]);
});

test("a pod's disk is its containers', its network all its interfaces', each once", () => {
  const inside = container("c", 1n, 1n, {
    memory: { workingSetBytes: { value: 40n } },
    writableLayer: { usedBytes: { value: 100n }, inodesUsed: { value: 3n } },
  });
  const eth0 = { name: "eth0", rxBytes: { value: 5n }, txBytes: { value: 6n } };
  const eth1 = { name: "eth1", rxBytes: { value: 1n }, txBytes: { value: 2n } };
  const pod = PodSandboxStats.create({
    attributes: { id: "p", metadata: { name: "pod", namespace: "ns", uid: "", attempt: 0 } },
    linux: {
      containers: [inside, inside],
      network: { defaultInterface: eth0, interfaces: [eth0, eth1] },
      process: { processCount: { value: 7n } },
    },
  });
  const [figures] = podFigures([pod], []);
  assert.deepEqual(
    [
      figures?.disk,
      figures?.memory,
      figures?.inodes,
      figures?.received,
      figures?.sent,
      figures?.processes,
      figures?.swap,
    ],
    [200, 80, 6, 6, 8, 7, undefined],
  );
  const text = podStatsTable([figures as NonNullable<typeof figures>], new Map([["p", "ns"]]), false);
  assert.match(text, /^p {7}pod {2}ns {9}- {6}80B {2}200B {2}6 {7}6B {6}8B {7}7$/m);
});

test("rows: sorted by name, or from the largest; what is not told is a dash", () => {
  const figures = containerFigures(
    [
      container("b", 2n, 2n, { memory: { workingSetBytes: { value: 1n } } }),
      container("a", 2n, 3n),
      container("c", 2n, 9n, { memory: { workingSetBytes: { value: 2000n } } }),
    ],
    [container("a", 1n, 1n), container("b", 1n, 1n)],
  );
  const order = (by: "name" | "cpu" | "memory") =>
    sorted(figures, by)
      .map(({ id }) => id)
      .join("");
  assert.deepEqual([order("name"), order("cpu"), order("memory")], ["abc", "abc", "cba"]);
  const text = containerStatsTable(sorted(figures, "name"), new Map([["a", "pod"]]), false);
  assert.match(text, /^a +name-a +pod +200\.00 +- +- +- +- +-$/m);
});
