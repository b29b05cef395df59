import assert from "node:assert/strict";
import { it } from "node:test";
import { parseNetDev, readNetDevOf } from "./network.ts";

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth0:1234567890123 11 3 2 0 0 0 0 22 33 4 5 0 0 0 0
eth0.5:1: 5 0 0 0 0 0 0 0 6 0 7 0 0 0 0 0
broken: 1 2 3
`;

const nothing = {
  rxBytes: 0,
  rxPackets: 0,
  rxErrors: 0,
  rxDropped: 0,
  txBytes: 0,
  txPackets: 0,
  txErrors: 0,
  txDropped: 0,
};

it("reads /proc/net/dev, names with colons and without blanks too", () => {
  assert.deepEqual(parseNetDev(text), [
    { ...nothing, name: "lo", rxBytes: 100, rxPackets: 2, txBytes: 100, txPackets: 2 },
    {
      name: "eth0",
      rxBytes: 1234567890123,
      rxPackets: 11,
      rxErrors: 3,
      rxDropped: 2,
      txBytes: 22,
      txPackets: 33,
      txErrors: 4,
      txDropped: 5,
    },
    { ...nothing, name: "eth0.5:1", rxBytes: 5, txBytes: 6, txErrors: 7 },
  ]);
  assert.deepEqual(parseNetDev(""), []);
});

it("reads it by way of a process of that namespace only", () => {
  assert.match(readNetDevOf([2 ** 30, process.pid], "/proc/self/ns/net") ?? "", /lo:/);
  assert.equal(readNetDevOf([process.pid], "/proc/self/ns/uts"), undefined);
  assert.equal(readNetDevOf([], "/proc/self/ns/net"), undefined);
});
