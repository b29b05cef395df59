/**
 * Where the daemon's CPU time goes, by function and by folder of src/, of all its threads.
 *
 *     node bench/profile.ts [--registry HOST:PORT] [--data DIRECTORY] [--top COUNT] [pods|exec|lists|stats|pull …]
 *
 * The berth of this checkout, as the files of an installed one are bundled; each scene with a daemon of its own.
 */
import { parseArgs } from "node:util";
import { hostCgroups } from "../src/linux/cgroups.ts";
import { HostThread } from "../src/linux/host-thread.ts";
import { ImageSpec } from "../src/wire/gen/runtime.v1.ts";
import { TestDaemon } from "../test/harness/daemon.ts";
import { Inspector } from "../test/harness/inspector.ts";
import { cpuOf, markdown } from "./figures.ts";
import { enterOwnMounts } from "./own-mounts.ts";
import { most, type Share, Shares } from "./profile/cpu-profile.ts";
import { profileThreads, type ThreadProfile } from "./profile/profiler.ts";
import { type Scene, type Stage, scenes } from "./profile/scenes.ts";
import { BenchRegistry, busyboxImage, pushBigImage, pushSmallImages } from "./registry.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    registry: { type: "string" },
    data: { type: "string", default: "/var/tmp/berth-bench" },
    top: { type: "string", default: "15" },
  },
});
process.env.BERTH_LOG_LEVEL ??= "info";
enterOwnMounts();
await using stack = new AsyncDisposableStack();
const registry = values.registry ?? (await startRegistry());
await pushSmallImages(registry);
await pushBigImage(registry, values.data, { layers: 6, bytes: 1150 << 20, compression: "gzip" });
const wanted = positionals.length === 0 ? scenes : scenes.filter(({ name }) => positionals.includes(name));
for (const scene of wanted) await profile(scene);

async function startRegistry(): Promise<string> {
  const started = await BenchRegistry.start(values.data);
  stack.defer(() => started.close());
  return started.host;
}

async function profile(scene: Scene): Promise<void> {
  await using own = new AsyncDisposableStack();
  const daemon = await TestDaemon.start({ runtime: "crun", mounts: "caller's", inspect: true });
  own.defer(() => daemon.close());
  await daemon.images.pullImage({ image: ImageSpec.create({ image: `${registry}/${busyboxImage}` }) });
  const stage: Stage = {
    daemon,
    cgroups: await hostCgroups(own.use(new HostThread(12_000))),
    registry,
    pods: [],
  };
  await scene.prepare(stage);
  using inspector = await Inspector.open(daemon.logFile);
  let cpu = 0;
  const threads = await profileThreads(inspector, scene.samplingMicros, async () => {
    const before = cpuOf(daemon.pid);
    await scene.run(stage);
    cpu = cpuOf(daemon.pid) - before;
  });
  print(scene, threads, cpu);
  await scene.clear(stage);
}

function print({ name, each, count }: Scene, threads: readonly ThreadProfile[], cpuMs: number): void {
  const shares = new Shares();
  const busy = threads.map(({ thread, profile }) => `${thread} ${perOne(shares.add(profile), count)}`);
  console.log(`\n## ${name}: ms a ${each} (${count} of them)\n`);
  console.log(`The process: ${perOne(cpuMs, count)}. Busy, as sampled: ${busy.join(", ")}.\n`);
  const top = Number(values.top);
  console.log(table("folder", most(shares.folders, "self", top), count));
  console.log(`\n${table("function, by itself", most(shares.functions, "self", top), count)}`);
  const ours = new Map([...shares.functions].filter(([key]) => key.includes(" src/")));
  console.log(`\n${table("function of src/, with all it calls", most(ours, "total", top), count)}`);
}

function table(what: string, shares: readonly Share[], count: number): string {
  return markdown([
    [what, "self", "with calls"],
    ...shares.map(({ name, selfMs, totalMs }) => [name, perOne(selfMs, count), perOne(totalMs, count)]),
  ]);
}

function perOne(ms: number, count: number): string {
  const each = ms / count;
  return each >= 100 ? each.toFixed(0) : each.toPrecision(3);
}
