import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { currentBootId } from "./boot-id.ts";
import { lockFile } from "./lock-file.ts";

it("keeps a second one away, by pid, until it is let go of; survives a kill of its holder", async () => {
  const base = mkdtempSync(join(tmpdir(), "berth-lock-"));
  try {
    const path = join(base, "lock");
    const module = JSON.stringify(new URL("./lock-file.ts", import.meta.url).href);
    const script = `import { lockFile } from ${module}; lockFile(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1e6);`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(holder.stdout, "data");
    assert.throws(() => lockFile(path), { kind: "wrongState", message: new RegExp(`pid ${holder.pid}`) });
    holder.kill("SIGKILL");
    await once(holder, "exit");
    {
      using _held = lockFile(path);
      assert.equal(readFileSync(path, "utf8"), `${process.pid}\n`);
      assert.throws(() => lockFile(path), { kind: "wrongState" });
    }
    using _again = lockFile(path);
    assert.throws(() => lockFile(join(base, "no/lock")), { kind: "notFound" });
  } finally {
    rmSync(base, { recursive: true });
  }
});

it("knows this boot", () => {
  assert.equal(currentBootId(), currentBootId());
});
