import assert from "node:assert/strict";
import { test } from "node:test";
import { adviceFor } from "./service-advice.ts";

test("the state of the service says what to do; one that runs or is not there says nothing", () => {
  const cases: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ LoadState: "not-found", ActiveState: "inactive", SubState: "dead" }, undefined],
    [{ LoadState: "loaded", ActiveState: "active", SubState: "running", StatusText: "serves" }, undefined],
    [
      { LoadState: "loaded", ActiveState: "inactive", SubState: "dead", StatusText: "ends" },
      "berth.service is inactive; `systemctl start berth` starts it",
    ],
    [
      {
        ...{ LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart" },
        ...{ Result: "exit-code", StatusText: "the disk is full" },
      },
      "berth.service is activating (auto-restart, exit-code); it says: the disk is full; " +
        "`systemctl status berth` and `journalctl -u berth` say more",
    ],
    [
      { LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "watchdog" },
      "berth.service is failed (watchdog); `systemctl status berth` and `journalctl -u berth` say more",
    ],
  ];
  for (const [state, advice] of cases) assert.equal(adviceFor(new Map(Object.entries(state))), advice);
});
