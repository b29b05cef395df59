import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { takeServiceManager } from "../linux/service-manager.ts";
import { DatagramReceiver } from "../linux/testing/datagram-receiver.ts";
import { openService } from "./service.ts";

describe("what the service manager is told", () => {
  let base: string;
  let receiver: DatagramReceiver;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "berth-service-"));
    receiver = new DatagramReceiver(join(base, "notify"));
  });
  afterEach(() => {
    receiver[Symbol.dispose]();
    rmSync(base, { recursive: true });
  });

  const open = (env: NodeJS.ProcessEnv = {}) =>
    openService(takeServiceManager({ NOTIFY_SOCKET: receiver.path, ...env }));

  test("how the start goes on, that it serves, and how it ends", () => {
    using service = open();
    service.starting("reads its records", 1500);
    service.ready(() => "serves:\n  2 pods");
    service.stopping();
    service.failed("the disk\nis full");
    assert.deepEqual(receiver.takeTexts(), [
      "STATUS=starts: reads its records\nEXTEND_TIMEOUT_USEC=1500000",
      "READY=1\nSTATUS=serves: 2 pods",
      "STOPPING=1\nSTATUS=ends; containers run on",
      "STATUS=the disk; is full",
    ]);
  });

  test("a reload begins at a time of the kernel's clock and ends with what is then", () => {
    using service = open();
    let status = "one";
    service.ready(() => status);
    status = "two";
    const before = process.hrtime.bigint() / 1000n;
    service.reloading();
    service.reloaded();
    const [, reloading = "", reloaded] = receiver.takeTexts();
    const [, at = ""] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=/.exec(reloading) ?? [];
    assert.ok(BigInt(at) >= before && BigInt(at) <= process.hrtime.bigint() / 1000n, reloading);
    assert.equal(reloaded, "READY=1\nSTATUS=two");
  });

  test("a status is told again once it has changed", (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    using service = open();
    let status = "one";
    service.ready(() => status);
    t.mock.timers.tick(60_000);
    status = "two";
    t.mock.timers.tick(60_000);
    service.stopping();
    status = "three";
    t.mock.timers.tick(60_000);
    assert.deepEqual(receiver.takeTexts(), [
      "READY=1\nSTATUS=one",
      "STATUS=two",
      "STOPPING=1\nSTATUS=ends; containers run on",
    ]);
  });

  test("pings twice in the watchdog's time, from its start as ready on", async (t) => {
    const service = open({ WATCHDOG_USEC: "60000000" });
    t.mock.timers.enable({ apis: ["setTimeout"] });
    service.starting("anything", 1);
    t.mock.timers.tick(120_000);
    service.ready(() => "");
    for (let second = 0; second < 120; second++) t.mock.timers.tick(1000);
    service[Symbol.dispose]();
    t.mock.timers.tick(120_000);
    const pings = receiver.takeTexts().filter((text) => text === "WATCHDOG=1");
    assert.equal(pings.length, 5);
  });

  test("a ping that the manager could not take is followed by another soon", (t) => {
    using service = open({ WATCHDOG_USEC: "60000000" });
    t.mock.timers.enable({ apis: ["setTimeout"] });
    // Until its queue is full: each sender may have only so much on its way.
    while (takeServiceManager({ NOTIFY_SOCKET: receiver.path })?.tell("OTHERS=1"));
    service.ready(() => "");
    receiver.takeTexts();
    t.mock.timers.tick(3000);
    assert.deepEqual(receiver.takeTexts(), ["WATCHDOG=1"]);
  });
});
