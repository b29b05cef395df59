import type { Cgroups } from "../src/linux/contract.ts";
import { ImageSpec } from "../src/wire/gen/runtime.v1.ts";
import type { Options } from "./options.ts";
import type { Bench } from "./phases/bench.ts";
import { measureCrowds } from "./phases/crowd.ts";
import { measureExec } from "./phases/exec.ts";
import { measurePods } from "./phases/pods.ts";
import { measurePull } from "./phases/pull.ts";
import { measureStreams } from "./phases/streams.ts";
import { BenchRegistry, busyboxImage, pushBigImage, pushSmallImages } from "./registry.ts";
import type { Results } from "./results.ts";
import { startBerth, startBerthWithHandler, startBerthWithShim } from "./subjects/berth.ts";
import { startContainerd } from "./subjects/containerd.ts";
import { startPeer } from "./subjects/peer.ts";
import type { Subject } from "./subjects/subject.ts";

/** Starts everything, measures what is asked for, and takes everything away again, whatever happens. */
export async function runBenchmark(
  options: Options,
  cgroups: Cgroups,
  results: Results,
  signal: AbortSignal,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
  const registry = await readyRegistry(options, say, stack);
  const subjects: Subject[] = [];
  for (const start of starts(options, registry, cgroups)) {
    signal.throwIfAborted();
    const subject = await start();
    stack.defer(() => subject.close());
    subjects.push(subject);
    results.know(subject);
    say(`${subject.name} is up: ${subject.version}, ${subject.workspace.directory}`);
    await subject.images.pullImage({ image: ImageSpec.create({ image: `${registry}/${busyboxImage}` }) });
  }
  const bench: Bench = { subjects, cgroups, results, registry, sizes: options.sizes, signal, say };
  await measure(bench, options);
}

/** @returns its host and port */
async function readyRegistry(
  { registry, data, sizes, parts }: Options,
  say: (text: string) => void,
  stack: AsyncDisposableStack,
): Promise<string> {
  let host = registry;
  if (host === undefined) {
    const started = await BenchRegistry.start(data);
    stack.defer(() => started.close());
    host = started.host;
  }
  await pushSmallImages(host);
  if (parts.has("pull")) {
    say("the big image, if it has to be made");
    await pushBigImage(host, data, { layers: 6, bytes: sizes.bigBytes, compression: "gzip" });
  }
  return host;
}

/** In the order of the table's columns. */
function starts(options: Options, registry: string, cgroups: Cgroups): readonly (() => Promise<Subject>)[] {
  return [
    ...options.berth.map((runtime) => () => startBerth(runtime, cgroups)),
    ...options.shims.map(
      ({ name, value }) =>
        () =>
          startBerthWithShim(name, value, cgroups),
    ),
    ...options.handlers.map(
      ({ name, value }) =>
        () =>
          startBerthWithHandler(name, value, cgroups),
    ),
    ...options.containerds.map(
      ({ name, value }) =>
        () =>
          startContainerd(name, value, registry, cgroups),
    ),
    ...options.peers.map(
      ({ name, value }) =>
        () =>
          startPeer(name, value, registry, cgroups),
    ),
  ];
}

/** Memory first: the daemons are still as they start. */
async function measure(bench: Bench, { parts }: Options): Promise<void> {
  const crowd = { lists: parts.has("lists"), memory: parts.has("memory"), probes: parts.has("probes") };
  if (crowd.lists || crowd.memory || crowd.probes) await measureCrowds(bench, crowd);
  if (parts.has("pods")) await measurePods(bench);
  if (parts.has("exec")) await measureExec(bench);
  if (parts.has("streams")) await measureStreams(bench);
  if (parts.has("pull")) await measurePull(bench);
}
