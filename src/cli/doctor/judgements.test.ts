import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeFigures } from "./checks/disk.ts";
import { judgeShare } from "./checks/limits.ts";
import { judgeMemory } from "./checks/memory.ts";
import { overlap, parseRoutes, rangesOf } from "./cni/addresses.ts";

const gib = 2 ** 30;

test("a disk is judged by what is left: bytes, share, inodes where they are counted", () => {
  const judge = (free: number, freeShare: number, freeInodes: number | undefined, freeInodeShare: number) =>
    judgeFigures("root /r", "/", { free, freeShare, freeInodes, freeInodeShare }).map(
      ({ severity, what }) => `${severity} ${what}`,
    );
  assert.deepEqual(judge(100 * gib, 0.5, undefined, 1), ["ok root /r: 107GB (50 %) left"]);
  assert.deepEqual(judge(100 * gib, 0.14, 9e6, 0.5), ["warning root /r: the disk is nearly full"]);
  assert.deepEqual(judge(2 * gib, 0.009, 9e6, 0.5), ["problem root /r: the disk is full"]);
  assert.deepEqual(judge(1e6, 0.5, 9e6, 0.5), ["problem root /r: the disk is full"]);
  assert.deepEqual(judge(2 * gib, 0.5, 9e5, 0.04), ["warning root /r: inodes run out"]);
  assert.deepEqual(judge(2 * gib, 0.5, 999, 0.5), ["problem root /r: no inodes are left"]);
});

test("memory is judged by what is available, what waits for it, and what a kubelet makes of swap", () => {
  const judge = (available: number, more: Partial<Parameters<typeof judgeMemory>[0]> = {}, swap = 0) => {
    const meminfo = new Map([
      ["MemTotal", 16 * 2 ** 20],
      ["MemAvailable", available],
      ["SwapTotal", swap],
    ]);
    const figures = { meminfo, fullPressure: undefined, oomKills: 0, refusesSwap: false, ...more };
    return judgeMemory(figures).map(({ severity }) => severity);
  };
  assert.deepEqual(judge(2 ** 20), ["ok"]);
  assert.deepEqual(judge(2 ** 19), ["warning"]);
  assert.deepEqual(judge(99 * 1024), ["problem"]);
  assert.deepEqual(judge(2 ** 20, { fullPressure: 20 }), ["ok", "warning"]);
  assert.deepEqual(judge(2 ** 20, { oomKills: 3 }), ["ok", "note"]);
  assert.deepEqual(judge(2 ** 20, {}, 1024), ["ok", "note"]);
  assert.deepEqual(judge(2 ** 20, { refusesSwap: true }, 1024), ["ok", "warning"]);
});

test("limits are told when nearly all is used, and how they are raised", () => {
  const judge = (used: number, limit: number) =>
    judgeShare({
      what: "keys of user 0",
      used,
      limit,
      sysctl: "kernel.keys.root_maxkeys",
      harm: "none start",
    });
  assert.deepEqual(judge(80, 100), []);
  assert.deepEqual(judge(0, 0), []);
  assert.equal(judge(95, 100)[0]?.severity, "warning");
  assert.equal(judge(100, 100)[0]?.severity, "problem");
  assert.match(judge(100, 100)[0]?.remedy ?? "", /sysctl -w kernel\.keys\.root_maxkeys=200/);
});

test("ranges of host-local are counted in each of their forms", () => {
  const network = (ipam: object) => ({
    cniVersion: "1.0.0" as const,
    name: "n",
    disableCheck: false,
    disableGC: false,
    loadOnlyInlinedPlugins: true,
    plugins: [{ type: "bridge", bridge: "b0", ipam: { type: "host-local", dataDir: "/nowhere", ...ipam } }],
  });
  const sizes = (ipam: object) => rangesOf(network(ipam)).map(({ subnet, size }) => `${subnet} ${size}`);
  assert.deepEqual(sizes({ subnet: "10.1.0.0/24" }), ["10.1.0.0/24 253"]);
  assert.deepEqual(sizes({ subnet: "10.1.0.0/24", rangeStart: "10.1.0.10", rangeEnd: "10.1.0.19" }), [
    "10.1.0.0/24 10",
  ]);
  const both = { ranges: [[{ subnet: "10.1.0.0/30" }], [{ subnet: "fd00::/120" }]] };
  assert.deepEqual(sizes(both), ["10.1.0.0/30 1", "fd00::/120 254"]);
  assert.deepEqual(sizes({ subnet: "nonsense" }), []);
  assert.deepEqual(sizes({ type: "dhcp", subnet: "10.1.0.0/24" }), []);
});

test("routes are read, and subnets that have addresses in common are found", () => {
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t010010AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t001010AC\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0",
  ].join("\n");
  assert.deepEqual(parseRoutes(text), [{ device: "eth0", subnet: "172.16.16.0/20" }]);
  assert.ok(overlap("172.16.16.0/20", "172.16.20.0/24"));
  assert.ok(overlap("172.16.20.0/24", "172.16.0.0/12"));
  assert.ok(!overlap("172.16.16.0/20", "172.16.32.0/24"));
  assert.ok(!overlap("172.16.16.0/20", "fd00::/8"));
});
