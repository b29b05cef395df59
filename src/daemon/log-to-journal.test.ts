import assert from "node:assert/strict";
import { test } from "node:test";
import { journalFields } from "./log-to-journal.ts";

test("a line becomes an entry with a field for each of its own, and a message that a person can read", () => {
  const line = {
    level: "error",
    time: "2026-01-01T00:00:00.000Z",
    pid: 17,
    operation: "PullImage",
    call: 3,
    image: "registry.example/app:1",
    imageId: "sha256:abc",
    ms: 12.5,
    kind: "unavailable",
    timeline: [{ step: "manifest", ms: 1 }],
    msg: "PullImage failed: no route",
  };
  assert.deepEqual(journalFields(line), {
    MESSAGE: "PullImage failed: no route  image=registry.example/app:1  imageId=sha256:abc  ms=12.5",
    PRIORITY: "3",
    SYSLOG_IDENTIFIER: "berth",
    BERTH_LEVEL: "error",
    BERTH_OPERATION: "PullImage",
    BERTH_CALL: "3",
    BERTH_IMAGE: "registry.example/app:1",
    BERTH_IMAGE_ID: "sha256:abc",
    BERTH_MS: "12.5",
    BERTH_KIND: "unavailable",
    BERTH_TIMELINE: '[{"step":"manifest","ms":1}]',
  });
});

test("levels are syslog's", () => {
  const priority = (level: string) => journalFields({ level, msg: "" }).PRIORITY;
  assert.deepEqual(["error", "warn", "info", "debug", "trace"].map(priority), ["3", "4", "6", "7", "7"]);
});

test("names are ones that the journal takes", () => {
  const fields = journalFields({ level: "info", msg: "m", "io.x/é-y": 1, [`a${"B".repeat(80)}`]: true });
  for (const name of Object.keys(fields)) assert.match(name, /^[A-Z][A-Z0-9_]{0,63}$/);
  assert.equal(fields.BERTH_IO_X_Y, "1");
});
