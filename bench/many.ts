/**
 * Lists of very many containers, berth beside a containerd: wall time, the daemon's CPU a call, memory, and what a kubelet's
 * polls cost. berth's containers are records of ended ones, written by its own code (`test/harness/many-records.ts`), and its
 * start on them is timed; containerd's are made over its CRI and never started, on a file system in memory, as it syncs after
 * each. The answers are not decoded here: what is timed is the daemon and the way to it.
 *
 *     node bench/many.ts [--pods 50] [--each 100] [--calls 50] [--containerd NAME=PATH --registry HOST:PORT]
 *                        [--without-berth]
 */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hostCgroups } from "../src/linux/cgroups.ts";
import { HostThread } from "../src/linux/host-thread.ts";
import { ContainerState, PodSandboxConfig, RuntimeServiceService } from "../src/wire/gen/runtime.v1.ts";
import { type Connection, connect } from "../src/wire/grpc/client.ts";
import { TestDaemon } from "../test/harness/daemon.ts";
import { importBusybox } from "../test/harness/images.ts";
import { fillWithRecords, kubeletConfigs, tiersCount } from "../test/harness/many-records.ts";
import { cpuOf, markdown, pssOf, quantile } from "./figures.ts";
import { installBerth } from "./install.ts";
import { enterOwnMounts } from "./own-mounts.ts";
import { severalAtOnce } from "./pod-life.ts";
import { busyboxImage } from "./registry.ts";
import { startContainerd } from "./subjects/containerd.ts";
import { peerWorkspace, type Subject } from "./subjects/subject.ts";

/** As the heading of a column; the value of each figure by its title. */
interface Column {
  readonly name: string;
  readonly values: Map<string, string>;
}

const { values: options } = parseArgs({
  options: {
    pods: { type: "string", default: "50" },
    each: { type: "string", default: "100" },
    calls: { type: "string", default: "50" },
    containerd: { type: "string" },
    registry: { type: "string", default: "127.0.0.1:5000" },
    "without-berth": { type: "boolean", default: false },
  },
});
const [pods, each, calls] = [Number(options.pods), Number(options.each), Number(options.calls)];
const restMs = 24_000;
const pollMs = 10_000;
const atOnce = 4;

enterOwnMounts();
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.once(name, () => stopping.abort(new Error(`stopped by ${name}`)));
await using stack = new AsyncDisposableStack();
installBerth(stack);
const columns = options["without-berth"] ? [] : [await measureBerth()];
if (options.containerd !== undefined) columns.push(await measureContainerd(options.containerd));
const titles = [...new Set(columns.flatMap(({ values }) => [...values.keys()]))];
const rows = titles.map((title) => [title, ...columns.map(({ values }) => values.get(title) ?? "")]);
console.log(
  markdown([[`${pods * each} containers in ${pods} pods`, ...columns.map(({ name }) => name)], ...rows]),
);

async function measureBerth(): Promise<Column> {
  const column = { name: "berth", values: new Map<string, string>() };
  await using own = new AsyncDisposableStack();
  const daemon = await TestDaemon.start({ runtime: "crun", mounts: "caller's" });
  own.defer(() => daemon.close());
  await importBusybox(daemon);
  const empty = await startsOf(daemon);
  await fillWithRecords(daemon, { pods, each });
  const full = await startsOf(daemon);
  column.values.set("start, until it answers (ms)", `${full} (${empty} with nothing)`);
  await measureCalls(daemon.workspace.socket, daemon.pid, column);
  return column;
}

/** The median of five starts, the program's own included. */
async function startsOf(daemon: TestDaemon): Promise<string> {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    await daemon.stop();
    const began = performance.now();
    await daemon.launch();
    times.push(performance.now() - began);
  }
  return quantile(times, 0.5).toFixed(0);
}

async function measureContainerd(named: string): Promise<Column> {
  const [name = "", path = ""] = named.split("=");
  const column = { name, values: new Map<string, string>() };
  await using own = new AsyncDisposableStack();
  const cgroups = await hostCgroups(own.use(new HostThread(60_000)));
  const workspace = peerWorkspace();
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", workspace.root]);
  const subject = await startContainerd(name, path, options.registry, cgroups, workspace);
  own.defer(() => subject.close());
  const image = `${options.registry}/${busyboxImage}`;
  await subject.images.pullImage({
    image: { image, annotations: {}, userSpecifiedImage: image, runtimeHandler: "", imageRef: "" },
  });
  const made: string[] = [];
  own.defer(() => removePods(subject.pods, made));
  for (let index = 0; index < pods; index++) {
    stopping.signal.throwIfAborted();
    made.push(await fillPod(subject, index, image));
  }
  await measureCalls(subject.socket, subject.pid ?? 0, column);
  return column;
}

/** A pod with containers that are created, and not started. @returns its id */
async function fillPod(subject: Subject, index: number, image: string): Promise<string> {
  const { pod, container } = kubeletConfigs(subject, image);
  const tier = `tier-${index % tiersCount}`;
  const name = `job-${index}`;
  const cgroupParent = join(subject.workspace.cgroupParent, name);
  const sandboxConfig = {
    ...pod,
    metadata: { name, uid: randomUUID(), namespace: "test", attempt: 0 },
    labels: { ...pod.labels, tier },
    linux: { ...PodSandboxConfig.create(pod).linux, cgroupParent },
  } as PodSandboxConfig;
  const { podSandboxId } = await subject.pods.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" });
  await severalAtOnce(each, atOnce, stopping.signal, async (inside) => {
    const metadata = { name: `main-${inside}`, attempt: 0 };
    const config = { ...container, metadata, labels: { ...container.labels, tier } };
    await subject.pods.createContainer({ podSandboxId, config, sandboxConfig });
  });
  return podSandboxId;
}

async function removePods(runtime: TestDaemon["pods"], ids: readonly string[]): Promise<void> {
  for (const podSandboxId of ids) {
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
  }
}

async function measureCalls(socket: string, pid: number, { values }: Column): Promise<void> {
  const connection = connect(socket);
  using _connection = { [Symbol.dispose]: () => connection.close() };
  const { containers } = await connection.calls(RuntimeServiceService).listContainers({});
  const [first] = containers;
  if (containers.length !== pods * each) throw new Error(`${containers.length} containers are listed`);
  const none = { id: "", podSandboxId: "", state: undefined, labelSelector: {} };
  const filters = {
    "ListContainers, all": undefined,
    "… of a label": { ...none, labelSelector: { tier: "tier-7" } },
    "… by id": { ...none, id: first?.id ?? "" },
    "… of a pod": { ...none, podSandboxId: first?.podSandboxId ?? "" },
    "… that run": { ...none, state: { state: ContainerState.CONTAINER_RUNNING } },
  };
  const raw = undecoded(connection);
  for (const [title, filter] of Object.entries(filters))
    values.set(`${title}: p50, p99; CPU (ms)`, await timed(pid, () => raw.listContainers({ filter })));
  const stream = () => Array.fromAsync(raw.streamContainers({}));
  values.set(
    "StreamContainers, all: p50, p99; CPU (ms)",
    await timed(pid, stream).catch(() => "no such call"),
  );
  values.set(`ListPodSandbox, all: p50, p99; CPU (ms)`, await timed(pid, () => raw.listPodSandbox({})));
  const before = cpuOf(pid);
  for (const until = performance.now() + pollMs; performance.now() < until; await sleep(1000)) {
    await raw.listPodSandbox({});
    await raw.listContainers({});
  }
  values.set(
    "a kubelet's lists, each second (ms of CPU a second)",
    `${((cpuOf(pid) - before) / pollMs) * 1000}`,
  );
  await sleep(restMs);
  values.set("memory of the daemon, at rest (PSS, MB)", pssOf(pid).toFixed(1));
}

/** The calls, with their answers as bytes. */
function undecoded(connection: Connection) {
  const { listContainers, streamContainers, listPodSandbox } = RuntimeServiceService;
  const responseDeserialize = (bytes: Buffer) => bytes;
  return connection.calls({
    listContainers: { ...listContainers, responseDeserialize },
    streamContainers: { ...streamContainers, responseDeserialize },
    listPodSandbox: { ...listPodSandbox, responseDeserialize },
  });
}

async function timed(pid: number, call: () => Promise<unknown>): Promise<string> {
  for (let warm = 0; warm < 10; warm++) await call();
  const times: number[] = [];
  const before = cpuOf(pid);
  for (let round = 0; round < calls; round++) {
    stopping.signal.throwIfAborted();
    const began = performance.now();
    await call();
    times.push(performance.now() - began);
  }
  const cpu = (cpuOf(pid) - before) / calls;
  return `${quantile(times, 0.5).toFixed(2)}, ${quantile(times, 0.99).toFixed(1)}; ${cpu.toFixed(1)}`;
}
