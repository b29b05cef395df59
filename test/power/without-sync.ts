import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { berthCommand } from "../harness/command.ts";

/** Makes a `berth` in whose eyes syncfs(2) succeeds, though nothing is written. @returns its path */
export function withoutSync(directory: string): string {
  const syncfs = process.arch === "x64" ? 306 : 267;
  const filter = fileURLToPath(new URL("../harness/without-system-calls.ts", import.meta.url));
  const script = join(directory, "berth-without-sync");
  const node = `"${process.execPath}" --disable-warning=ExperimentalWarning "${filter}"`;
  writeFileSync(script, `#!/bin/sh\nexec ${node} ${syncfs}=0 -- ${berthCommand} "$@"\n`, { mode: 0o755 });
  return script;
}
