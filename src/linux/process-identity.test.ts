import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { processIdentity } from "./process-identity.ts";

it("reads who runs under a pid, whatever its name is", async () => {
  const base = mkdtempSync(join(tmpdir(), "berth-identity-"));
  try {
    const odd = join(base, "a) Z 1 (b");
    copyFileSync("/bin/sleep", odd);
    const child = spawn(odd, ["100"], { stdio: "ignore" });
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    assert.match(readFileSync(`/proc/${pid}/stat`, "latin1"), /\(a\) Z 1 \(b\) [RSD] /);
    const identity = processIdentity(pid);
    assert.equal(identity?.parent, process.pid);
    assert.ok((identity?.startTicks ?? 0) >= (processIdentity(process.pid)?.startTicks ?? Number.NaN));
    assert.deepEqual(processIdentity(pid), identity);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(processIdentity(pid), undefined);
  } finally {
    rmSync(base, { recursive: true });
  }
});
