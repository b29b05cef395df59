/**
 * Pulls of several kinds of images by berth and containerds: each by a daemon that was just started, on an empty file
 * system, in turns, from one registry.
 *
 *     node bench/pulls.ts [--rounds N] [--scale SHARE] [--only WORD] [--data DIRECTORY] [--containerd NAME=PATH …]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hostCgroups } from "../src/linux/cgroups.ts";
import type { Cgroups } from "../src/linux/contract.ts";
import { HostThread } from "../src/linux/host-thread.ts";
import { ImageSpec } from "../src/wire/gen/runtime.v1.ts";
import { cgroupCpu, processesIn } from "./cpu.ts";
import { markdown, pssOf, Readings } from "./figures.ts";
import { installBerth } from "./install.ts";
import { enterOwnMounts } from "./own-mounts.ts";
import { FreshFileSystem } from "./pulls/file-system.ts";
import { imageName, pulledImages } from "./pulls/images.ts";
import { BenchRegistry, packedSize, pushBigImage, pushSmallImages } from "./registry.ts";
import { startBerth } from "./subjects/berth.ts";
import { startContainerd } from "./subjects/containerd.ts";
import { peerWorkspace, type Subject } from "./subjects/subject.ts";

/** Between two looks at memory, in ms. */
const sampleMs = 100;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    data: { type: "string", default: "/var/tmp/berth-bench" },
    containerd: { type: "string", multiple: true, default: ["containerd 1.6=/usr/bin/containerd"] },
  },
});
enterOwnMounts();
mkdirSync(values.data, { recursive: true });
await using stack = new AsyncDisposableStack();
installBerth(stack);
const cgroups = await hostCgroups(stack.use(new HostThread(12_000)));
const registry = await BenchRegistry.start(values.data);
stack.defer(() => registry.close());
await pushSmallImages(registry.host);
const starts: readonly ((root: string) => Promise<Subject>)[] = [
  (root) => startBerth("crun", cgroups, root),
  ...values.containerd.map((text) => (root: string) => {
    const at = text.indexOf("=");
    const workspace = peerWorkspace(root);
    return startContainerd(text.slice(0, at), text.slice(at + 1), registry.host, cgroups, workspace);
  }),
];
const rows = [["image", "MB packed", "daemon", "wall (s)", "CPU (s)", "peak PSS (MB)", "disk (MB)"]];
for (const { title, recipe } of pulledImages(Number(values.scale))) {
  if (!title.includes(values.only)) continue;
  const name = imageName(recipe);
  await pushBigImage(registry.host, values.data, recipe, name);
  const packed = (await packedSize(registry.host, name)).toFixed(0);
  const readings = new Map<string, Readings>();
  for (let round = 0; round < Number(values.rounds); round++)
    for (const at of starts.keys()) {
      const start = starts[(round + at) % starts.length];
      if (start !== undefined) await pullFresh(start, `${registry.host}/${name}`, readings, cgroups);
    }
  const best = (key: string) =>
    Math.min(
      ...[...readings]
        .slice(0)
        .flatMap(([who, read]) => (who.startsWith("berth") ? [] : [read.at(key, 0.5)])),
    );
  for (const [who, read] of [...readings].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    rows.push([
      title,
      packed,
      who,
      ...["wall", "cpu", "peak", "disk"].map((key) => {
        const value = read.at(key, 0.5);
        return who.startsWith("berth") && starts.length > 1
          ? `${value.toFixed(2)} (${(value / best(key)).toFixed(2)})`
          : value.toFixed(2);
      }),
    ]);
}
console.log(markdown(rows));

/** One pull by a daemon of its own. */
async function pullFresh(
  start: (root: string) => Promise<Subject>,
  image: string,
  readings: Map<string, Readings>,
  accounts: Cgroups,
): Promise<void> {
  using disk = new FreshFileSystem(values.data);
  const subject = await start(join(disk.directory, "root"));
  try {
    const { name, cgroup = "" } = subject;
    const read = readings.get(name) ?? new Readings();
    readings.set(name, read);
    const used = disk.used();
    const cpu = cgroupCpu(accounts, cgroup);
    const pulling = new AbortController();
    const peak = peakOf(accounts, cgroup, pulling.signal);
    const began = performance.now();
    await subject.images.pullImage({ image: ImageSpec.create({ image }) });
    read.add("wall", (performance.now() - began) / 1000);
    pulling.abort();
    read.add("peak", await peak);
    read.add("cpu", (cgroupCpu(accounts, cgroup) - cpu) / 1000);
    read.add("disk", disk.used() - used);
    console.error(`${name}: ${read.at("wall", 0.5).toFixed(2)} s`);
  } finally {
    await subject.close();
  }
}

/** The most that a daemon and all that it started held together, until `until`, in MB of PSS. */
async function peakOf(accounts: Cgroups, cgroup: string, until: AbortSignal): Promise<number> {
  let peak = 0;
  while (!until.aborted) {
    peak = Math.max(peak, pssOfAll(processesIn(accounts, cgroup)));
    await sleep(sampleMs);
  }
  return peak;
}

function pssOfAll(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids)
    try {
      sum += pssOf(pid);
    } catch {
      // It has ended between being listed and being read.
    }
  return sum;
}
