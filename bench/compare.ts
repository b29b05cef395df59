/**
 * berth beside its peers: every daemon driven by the same client over the CRI, in turns, and a table of it in Markdown.
 * `--help` tells of the options; docs/benchmarks.md of what is measured and how.
 */
import { hostCgroups } from "../src/linux/cgroups.ts";
import { HostThread } from "../src/linux/host-thread.ts";
import { installBerth } from "./install.ts";
import { optionsOf, usage } from "./options.ts";
import { enterOwnMounts } from "./own-mounts.ts";
import { Results } from "./results.ts";
import { runBenchmark } from "./run.ts";
import { tableOf } from "./table.ts";

const options = optionsOf(process.argv.slice(2));
if (options.help) {
  console.log(usage);
  process.exit(0);
}
if (options.tableOf.length > 0) {
  console.log(tableOf(Results.read(options.tableOf)));
  process.exit(0);
}
enterOwnMounts();
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.once(name, () => stopping.abort(new Error(`stopped by ${name}`)));
await using stack = new AsyncDisposableStack();
installBerth(stack);
const results = new Results();
try {
  await runBenchmark(options, await hostCgroups(stack.use(new HostThread(12_000))), results, stopping.signal);
} finally {
  // Also what was read before something went wrong.
  if (options.json !== undefined) results.write(options.json);
}
console.log(tableOf(results));
