/**
 * Writes a log to the journal, part of it while journald is held:
 *
 *     node test/harness/write-log.ts <pid of journald>
 */
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { openLog } from "../../src/daemon/log.ts";

const journald = Number(process.argv[2]);
const log = openLog({ level: "info", target: "journal", format: "json" });
const refused = { container: "abc123", operation: "StartContainer", kind: "notFound" };
log.error(refused, "StartContainer failed: no such file");
log.debug("not told at this level");
log.info({ image: "long" }, "x".repeat(300_000));
log.info({ image: "several" }, "two\nlines");
process.kill(journald, "SIGSTOP");
const began = performance.now();
const count = 500;
for (let number = 0; number < count; number++) log.info({ number }, "written while journald hangs");
await sleep(100);
if (performance.now() - began > 10_000) throw new Error("journald held the writer up");
process.kill(journald, "SIGCONT");
const wanted = ["--directory=/run/log/journal", "--quiet", "--output=cat", `BERTH_NUMBER=${count - 1}`];
// What is left at the end is waited for half a second, which on a busy machine would not do for so many.
while (execFileSync("journalctl", wanted).length === 0) await sleep(20);
log.info("the last");
process.exit(0);
