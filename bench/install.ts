import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Lets every berth that is started be an installed one, as on a node, with the log level of its defaults. It is installed
 * for this run, unless BERTH_TEST_COMMAND names another.
 */
export function installBerth(stack: AsyncDisposableStack): void {
  process.env.BERTH_LOG_LEVEL ??= "info";
  if (process.env.BERTH_TEST_COMMAND !== undefined) return;
  const directory = mkdtempSync("/tmp/berth-bench-dist-");
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const install = fileURLToPath(new URL("../packaging/install/install.sh", import.meta.url));
  execFileSync(install, [directory, "/usr"], { stdio: ["ignore", "ignore", "inherit"] });
  process.env.BERTH_TEST_COMMAND = `${directory}/usr/bin/berth`;
}
