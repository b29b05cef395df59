import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHook } from "../../spec/hooks/directories.ts";
import { isHooked } from "./matching-hooks.ts";

const subject = {
  command: "/usr/lib/systemd/systemd",
  annotations: { "com.example.department": "aero, fluid-dynamics", other: "x" },
  hasBindMounts: false,
};
const stages = ["prestart"];

test("all conditions that are set must hold (1.0.0)", () => {
  const fits = (when: object, changes: object = {}) =>
    isHooked(parseHook({ version: "1.0.0", hook: { path: "/x" }, when, stages }).when, {
      ...subject,
      ...changes,
    });
  assert.ok(fits({ always: true }) && !fits({ always: false }));
  assert.ok(fits({ commands: ["^/bin/", "/systemd$"] }) && !fits({ commands: ["^systemd"] }));
  assert.ok(fits({ annotations: { "^com\\.example\\.department$": ".*fluid-dynamics$" } }));
  assert.ok(!fits({ annotations: { "^other$": "fluid" } }));
  assert.ok(!fits({ annotations: { department: "aero", other: "y" } }));
  assert.ok(!fits({ hasBindMounts: true }) && fits({ hasBindMounts: true }, { hasBindMounts: true }));
  assert.ok(!fits({ always: true, commands: ["^/bin/"] }));
  for (const nothing of [{ hasBindMounts: false }, { commands: [] }, { annotations: {} }])
    assert.ok(!fits(nothing), JSON.stringify(nothing));
});

test("one condition is enough (0.1.0)", () => {
  const fits = (conditions: object) =>
    isHooked(parseHook({ hook: "/x", stages, ...conditions }).when, subject);
  assert.ok(fits({ cmds: ["none"], annotations: ["fluid"] }));
  assert.ok(fits({ cmd: ["systemd$"], hasbindmounts: true }));
  assert.ok(!fits({ cmds: ["none"], annotation: ["none"] }) && !fits({}));
});
