import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestDaemon } from "../harness/daemon.ts";
import { endDaemon } from "../harness/end-daemon.ts";
import { assertNoLeaks } from "../harness/leaks.ts";
import { runPod } from "../harness/pods.ts";
import { privileged } from "../harness/privileged.ts";

const without = `
[runtime.handlers.without]
type = "io.containerd.runc.v2"
sandboxer = "shim"
`;

describe("a shim that can't make sandboxes by itself", privileged, () => {
  let daemon: TestDaemon;
  before(async () => {
    daemon = await TestDaemon.start({ runtime: "runc", extraConfig: without });
  });
  after(() => endDaemon(daemon));

  test("is told of with what to change, where a pod asks for it and by the doctor, and none is left", async () => {
    const wrong = /containerd-shim-runc-v2 has no sandbox API, which sandboxer = "shim" needs/;
    await assert.rejects(runPod(daemon, "refused", {}, "without"), ({ message }: Error) => {
      assert.match(message, wrong);
      assert.match(message, /leave runtime\.handlers\.without\.sandboxer out/);
      return true;
    });
    const { stdout } = await daemon.command("doctor", "runtimes");
    assert.match(stdout, wrong);
    assert.match(stdout, /leave runtime\.handlers\.without\.sandboxer out, or set its runtimePath/);
    assert.deepEqual(readdirSync(join(daemon.workspace.state, "shims")), []);
    await assertNoLeaks(daemon);
  });
});
