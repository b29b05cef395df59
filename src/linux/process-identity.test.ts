import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { killIfSame } from "./kill-if-there.ts";
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

it("kills who was looked up, not who has the pid by now", async () => {
  const child = spawn("sleep", ["100"], { stdio: "ignore" });
  await once(child, "spawn");
  const found = processIdentity(child.pid ?? 0);
  assert.ok(found);
  killIfSame({ pid: found.pid, startTicks: found.startTicks - 1 });
  assert.deepEqual(processIdentity(found.pid), found);
  const ended = once(child, "exit");
  killIfSame(found);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
  killIfSame(found); // nobody
});
