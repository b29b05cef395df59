/** The entry of the `berth` command: the only place that knows both the command and the daemon behind `serve`. */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Not in the shared temporary directory: what lies there is run, so only its owner may write it.
const caches =
  process.getuid?.() === 0 ? "/var/cache" : (process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"));
enableCompileCache(join(caches, "berth"));

const { main } = await import("../src/cli/main.ts");
process.exitCode = await main(process.argv.slice(2), {
  serve: async (readConfig) => (await import("../src/daemon/main.ts")).serve(readConfig),
});
