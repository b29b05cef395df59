import { basename } from "node:path";
import type { ApiObserver } from "../../api/parts.ts";
import { isFault } from "../../base/fault.ts";
import type { Processes } from "../../linux/contract.ts";
import type { Counter } from "../../metrics/counter.ts";
import type { Histogram } from "../../metrics/histogram.ts";
import type { Instruments } from "../../metrics/instruments.ts";
import type { PodNetwork } from "../../network/contract.ts";
import type { NriObserver } from "../../nri/contract.ts";
import type { ContainerRuntime, ExecResult, StreamedProcess } from "../../runtime/contract.ts";
import type { LayerUnpacker } from "../../snapshot/unpack-contract.ts";
import type { StreamTargets } from "../../stream/contract.ts";
import type { NodeWatch } from "../node-watch.ts";
import type { PullMeter } from "./pull-meter.ts";

/** Not an operation: it lasts as long as its reader wants, and ends by that reader's leaving. */
const subscription = "GetContainerEvents";

/** Watches the node with instruments. */
export function watchWith(instruments: Instruments, pulls: PullMeter): NodeWatch {
  const { database, sweeps } = instruments;
  return {
    api: watchCalls(instruments),
    pulls,
    nri: watchNri(instruments),
    committed(took, writes) {
      database.seconds.observe(took / 1000);
      database.writes.add(writes);
    },
    stray: (kind) => sweeps.strays.add(1, kind),
    swept(took, succeeded) {
      sweeps.seconds.observe(took / 1000);
      if (!succeeded) sweeps.errors.add(1);
    },
    plugins: (processes) => watchPlugins(processes, instruments),
    network: (network) => watchNetwork(network, instruments),
    runtime: (runtime) => watchRuntime(runtime, instruments),
    unpacker: (unpacker) => watchUnpacker(unpacker, instruments),
    streams: (targets) => watchStreams(targets, instruments),
  };
}

function watchCalls({ calls, lifecycle }: Instruments): ApiObserver {
  return {
    succeeded(operation, took) {
      if (operation === subscription) return;
      calls.total.add(1, operation);
      calls.seconds.observe(took / 1000, operation);
    },
    failed(operation, took, kind, step) {
      if (operation === subscription) return;
      calls.total.add(1, operation);
      calls.seconds.observe(took / 1000, operation);
      calls.errors.add(1, operation, kind);
      if (step !== undefined) calls.failedSteps.add(1, operation, step);
    },
    eventDropped: () => lifecycle.dropped.add(1),
  };
}

/** Runs `work`, and notes its time and whether it failed. */
async function timed<T>(
  work: Promise<T>,
  { seconds, errors }: { readonly seconds: Histogram; readonly errors: Counter },
  ...labels: readonly string[]
): Promise<T> {
  const began = performance.now();
  try {
    return await work;
  } catch (error) {
    errors.add(1, ...labels);
    throw error;
  } finally {
    seconds.observe((performance.now() - began) / 1000, ...labels);
  }
}

/** Each call of a CNI plugin: its command, and its type, which is its program's name (CNI spec 1.1, section 2). */
function watchPlugins(processes: Processes, { plugins }: Instruments): Processes {
  return {
    async run(command, signal) {
      const labels = [command.env.CNI_COMMAND ?? "", basename(command.path)];
      const finished = await timed(processes.run(command, signal), plugins, ...labels);
      if (finished.code !== 0) plugins.errors.add(1, ...labels);
      return finished;
    },
  };
}

/** A plugin names itself: with more names than that, they share one. */
const mostPlugins = 50;

function watchNri({ nri }: Instruments): NriObserver {
  const names = new Set<string>();
  const labelOf = (plugin: string) => {
    if (names.size < mostPlugins) names.add(plugin);
    return names.has(plugin) ? plugin : "other";
  };
  return {
    changed: (plugin, kind) => nri.changes.add(1, kind, labelOf(plugin)),
    launchedAgain: (plugin) => nri.launches.add(1, labelOf(plugin)),
    called(plugin, event, took, isFailed) {
      const labels = [event, labelOf(plugin)];
      nri.seconds.observe(took / 1000, ...labels);
      if (isFailed) nri.errors.add(1, ...labels);
    },
  };
}

function watchNetwork(network: PodNetwork, { network: group }: Instruments): PodNetwork {
  return {
    ...network,
    attach: (pod, signal) => timed(network.attach(pod, signal), group, "attach"),
    detach: (id, netns, signal) => timed(network.detach(id, netns, signal), group, "detach"),
  };
}

function watchRuntime(
  runtime: ContainerRuntime,
  { runtime: group, lifecycle }: Instruments,
): ContainerRuntime {
  return {
    ...runtime,
    create: (request, signal) => timed(runtime.create(request, signal), group, "create", request.handler),
    start: (id, handler, signal) => timed(runtime.start(id, handler, signal), group, "start", handler),
    kill: (id, handler, name, all, signal) =>
      timed(runtime.kill(id, handler, name, all, signal), group, "kill", handler),
    delete: (id, handler, signal) => timed(runtime.delete(id, handler, signal), group, "delete", handler),
    update: (id, handler, resources, signal) =>
      timed(runtime.update(id, handler, resources, signal), group, "update", handler),
    async execSync(request, signal) {
      const running = timed(runtime.execSync(request, signal), group, "exec", request.handler);
      running.then(
        (result) => lifecycle.execs.add(1, resultOf(result)),
        (error: unknown) => lifecycle.execs.add(1, isFault(error, "deadline") ? "timeout" : "failed"),
      );
      return await running;
    },
  };
}

function resultOf({ exitCode }: ExecResult): string {
  return exitCode === 0 ? "ok" : "nonzero";
}

function watchUnpacker(unpacker: LayerUnpacker, { unpacking }: Instruments): LayerUnpacker {
  return {
    ...unpacker,
    async unpackLayer(request, signal) {
      const unpacked = await timed(unpacker.unpackLayer(request, signal), unpacking);
      unpacking.bytes.add(unpacked.unpackedBytes);
      unpacking.files.add(unpacked.files);
      return unpacked;
    },
  };
}

function watchStreams(targets: StreamTargets, { streams }: Instruments): StreamTargets {
  const opened = async <T>(kind: string, opening: Promise<T>): Promise<T> => {
    try {
      const stream = await opening;
      streams.began.add(1, kind);
      return stream;
    } catch (error) {
      streams.errors.add(1, kind);
      throw error;
    }
  };
  const process = async (kind: string, opening: Promise<StreamedProcess>) => {
    const running = await opened(kind, opening);
    const ended = () => streams.ended.add(1, kind);
    running.exited.then(ended, ended);
    return running;
  };
  return {
    exec: (id, command, wanted, signal) => process("exec", targets.exec(id, command, wanted, signal)),
    attach: (id, wanted, signal) => process("attach", targets.attach(id, wanted, signal)),
    copy: (id, call) => process("copy", targets.copy(id, call)),
    async connect(id, port) {
      const connection = await opened("port-forward", targets.connect(id, port));
      connection.once("close", () => streams.ended.add(1, "port-forward"));
      return connection;
    },
  };
}
