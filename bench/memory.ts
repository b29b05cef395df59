/**
 * A daemon's day: what it and its monitors hold (PSS, and of that the daemon's private memory) and burn, from its start to
 * the removal of its pods. A client asks all the time what a kubelet asks.
 *
 *     node bench/memory.ts [pods]
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { TestDaemon } from "../test/harness/daemon.ts";
import { busyboxImage, importBusybox } from "../test/harness/images.ts";
import { removeAllPods, runContainer, runPod, shellConfig } from "../test/harness/pods.ts";
import { cpuOf, markdown, privateOf, pssOf } from "./figures.ts";
import { askLikeKubelet } from "./kubelet-calls.ts";
import { monitorsOf } from "./monitors.ts";
import { enterOwnMounts } from "./own-mounts.ts";

/** Longer than threads wait for work before they end, than berth takes to see that it rests, and V8 to let pages go. */
const restMs = 24_000;

enterOwnMounts();
const most = Number(process.argv[2] ?? 100);
await using stack = new AsyncDisposableStack();
const daemon = await TestDaemon.start({ runtime: "crun" });
stack.defer(() => daemon.close());
const ids = new Set<string>();
const rows = [["MB (PSS)", "daemon", "of it private", "threads", "monitors", "all", "CPU ms/s"]];

/** Notes memory now, and the daemon's CPU over `over` ms in which nothing is changed. */
async function note(what: string, over = 0): Promise<void> {
  const before = cpuOf(daemon.pid);
  await sleep(over);
  const cpu = over === 0 ? "" : (((cpuOf(daemon.pid) - before) / over) * 1000).toFixed(1);
  const own = pssOf(daemon.pid);
  const theirs = monitorsOf(ids).reduce((sum, pid) => sum + pssOf(pid), 0);
  const threads = /^Threads:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1] ?? "";
  const figures = [own, privateOf(daemon.pid)].map((value) => value.toFixed(1));
  rows.push([what, ...figures, threads, theirs.toFixed(1), (own + theirs).toFixed(1), cpu]);
}

let kubelet = askLikeKubelet(daemon);
stack.defer(() => kubelet[Symbol.dispose]());
await sleep(1000);
await note("after the start");
await note(`${restMs / 1000} s later`, restMs);
await importBusybox(daemon);
await note("after an import");
await note(`${restMs / 1000} s later`, restMs);
while (ids.size < 2 * most) {
  const pod = await runPod(daemon, `pod-${ids.size / 2}`);
  ids.add(pod.id);
  ids.add(await runContainer(daemon, pod, shellConfig("main", busyboxImage, "exec sleep 9999")));
}
await note(`${most} pods up`);
await note(`${restMs / 1000} s later`, restMs);
await note("the next 60 s", 60_000);
kubelet[Symbol.dispose]();
await note("nobody asks", restMs);
kubelet = askLikeKubelet(daemon);
await removeAllPods(daemon);
await note("all removed");
await note(`${restMs / 1000} s later`, restMs);
console.log(markdown(rows));
