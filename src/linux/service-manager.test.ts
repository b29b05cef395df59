import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { takeServiceManager } from "./service-manager.ts";
import { DatagramReceiver } from "./testing/datagram-receiver.ts";

it("tells the service manager, by a path or an abstract name, and takes it out of the environment", () => {
  const base = mkdtempSync(join(tmpdir(), "berth-notify-"));
  try {
    const addresses = [join(base, "socket"), `@berth-notify-${process.pid}`];
    for (const address of addresses) {
      using receiver = new DatagramReceiver(address.replace("@", "\0"));
      const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: "3000000", PATH: "/bin" };
      const manager = takeServiceManager(env);
      assert.deepEqual(env, { PATH: "/bin" });
      assert.equal(manager?.watchdog, 3000);
      assert.equal(manager.tell("READY=1", "STATUS=up"), true);
      assert.deepEqual(receiver.takeTexts(), ["READY=1\nSTATUS=up"]);
    }
  } finally {
    rmSync(base, { recursive: true });
  }
});

it("has nobody to tell when nobody asked, and no watchdog that is for another process", () => {
  assert.equal(takeServiceManager({}), undefined);
  assert.equal(takeServiceManager({ NOTIFY_SOCKET: "" }), undefined);
  assert.equal(takeServiceManager({ NOTIFY_SOCKET: "vsock:2:1234" }), undefined);
  const watchdogs: [NodeJS.ProcessEnv, number | undefined][] = [
    [{}, undefined],
    [{ WATCHDOG_USEC: "0" }, undefined],
    [{ WATCHDOG_USEC: "500000" }, 500],
    [{ WATCHDOG_USEC: "500000", WATCHDOG_PID: String(process.pid) }, 500],
    [{ WATCHDOG_USEC: "500000", WATCHDOG_PID: String(process.ppid) }, undefined],
  ];
  for (const [env, watchdog] of watchdogs) {
    const manager = takeServiceManager({ NOTIFY_SOCKET: "/nobody/there", ...env });
    assert.equal(manager?.watchdog, watchdog, JSON.stringify(env));
    assert.equal(manager?.tell("WATCHDOG=1"), false);
  }
});
