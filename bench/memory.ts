/**
 * What the daemon and its monitors hold and burn: PSS at each point of a node's day, and CPU with idle pods.
 *
 *     node bench/memory.ts [pods]
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxImage, importBusybox } from "../test/harness/images.ts";
import { removeAllPods, runContainer, runPod, shellConfig } from "../test/harness/pods.ts";
import { cpuOf, markdown, pssOf } from "./figures.ts";
import { enterOwnMounts } from "./own-mounts.ts";

/** Longer than berth's threads wait for work before they end. */
const idleMs = 12_000;

/** The monitors whose containers are this daemon's. */
function monitors(daemon: TestDaemon): number[] {
  const pids = execFileSync("sh", ["-c", "pidof conmon || true"], { encoding: "utf8" })
    .trim()
    .split(/\s+/)
    .filter(Boolean);
  return pids.map(Number).filter((pid) => commandLine(pid).includes(daemon.workspace.state));
}

/** Empty for one that has ended: others' monitors come and go. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

enterOwnMounts();
const most = Number(process.argv[2] ?? 100);
await using stack = new AsyncDisposableStack();
const daemon = await TestDaemon.start({ runtime: "crun" });
stack.defer(() => daemon.close());
const rows = [["MB (PSS)", "daemon", "threads", "monitors", "all", "CPU ms/s"]];

/** Notes memory now, and the daemon's CPU over `over` ms of nothing to do. */
async function note(what: string, over = 0): Promise<void> {
  const before = cpuOf(daemon.pid);
  await sleep(over);
  const cpu = over === 0 ? "" : (((cpuOf(daemon.pid) - before) / over) * 1000).toFixed(1);
  const pids = monitors(daemon);
  const own = pssOf(daemon.pid);
  const theirs = pids.reduce((sum, pid) => sum + pssOf(pid), 0);
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1] ?? "";
  rows.push([what, own.toFixed(1), threads, theirs.toFixed(1), (own + theirs).toFixed(1), cpu]);
}

await sleep(1000);
await note("after the start");
await note("12 s later", idleMs);
await importBusybox(daemon);
await note("after an import");
await note("12 s later", idleMs);
let made = 0;
for (const count of [20, most]) {
  while (made < count) {
    const pod = await runPod(daemon, `pod-${++made}`);
    await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exec sleep 9999"));
  }
  await note(`${count} pods up`);
  await note("12 s later", idleMs);
}
await removeAllPods(daemon);
await note("all removed");
await note("12 s later", idleMs);
console.log(markdown(rows));
