import type { Logger } from "pino";
import { encodePodSandboxConfig } from "../api/convert/encode-pod-sandbox-config.ts";
import type { BootId } from "../base/ids.ts";
import { version } from "../base/version.ts";
import type { Paths } from "../config/paths.ts";
import { allowsOrder } from "../config/pod-orders.ts";
import type { Config } from "../config/schema.ts";
import { openContainerBook } from "../container/book.ts";
import { checkpointPod } from "../container/checkpoint/checkpoint-pod.ts";
import { containersIn } from "../container/checkpoint/pod-archive.ts";
import { openContainers } from "../container/containers.ts";
import type { Containers } from "../container/contract.ts";
import { copyFiles } from "../container/copy.ts";
import { noteRefusedCall } from "../container/note-refused-call.ts";
import type { ContainerBook, ContainerParts } from "../container/parts.ts";
import { removeAllOfPod, stopAllOfPod } from "../container/remove.ts";
import { restoreContainer } from "../container/restore.ts";
import { attach, execStream } from "../container/streams.ts";
import { Copies } from "../copy/copies.ts";
import { openLayerKeys } from "../encryption/open.ts";
import { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import type { NodeImages } from "../image/images.ts";
import { openImages } from "../image/open.ts";
import { NodeApparmor } from "../linux/apparmor/profiles.ts";
import { currentBootId } from "../linux/boot-id.ts";
import { hostCgroups } from "../linux/cgroups.ts";
import type { Cgroups, Files, Mounts, Namespaces, Processes } from "../linux/contract.ts";
import { hostFileLabels, hostFiles } from "../linux/files.ts";
import { HostThread } from "../linux/host-thread.ts";
import { Launcher } from "../linux/launcher.ts";
import { hostMounts } from "../linux/mounts.ts";
import { hostNamespaces } from "../linux/namespaces.ts";
import { hostProcesses } from "../linux/processes.ts";
import { HeldProcessors } from "../linux/processors/held-processors.ts";
import { Irqbalance } from "../linux/processors/irqbalance.ts";
import { programPath } from "../linux/program-path.ts";
import { openSeccompNotifier } from "../linux/seccomp-notifier.ts";
import { systemdCgroups } from "../linux/systemd-cgroups.ts";
import { systemdUnits } from "../linux/systemd-units.ts";
import type { Metadata } from "../metadata/contract.ts";
import { openMetadata } from "../metadata/open.ts";
import { openPodNetwork } from "../network/cni/open.ts";
import type { PodNetwork } from "../network/contract.ts";
import { type NodeNri, openNri } from "../nri/open.ts";
import { openPodBook } from "../pod/book.ts";
import { connectToPod } from "../pod/connect.ts";
import type { PodSandboxes } from "../pod/contract.ts";
import { describePod } from "../pod/nri.ts";
import type { PodBook, PodParts } from "../pod/parts.ts";
import { openPodSandboxes } from "../pod/sandboxes.ts";
import { openAdmission } from "../policy/admission.ts";
import type { ImageAdmission } from "../policy/contract.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { ContainerRuntime } from "../runtime/contract.ts";
import { openContainerRuntime, usesShims } from "../runtime/open.ts";
import { serveShimEvents } from "../runtime/shim/events.ts";
import { type NodeSnapshotters, openSnapshotters } from "../snapshot/snapshotters.ts";
import { openUnpacker } from "../snapshot/unpacker.ts";
import { SnapshotWorkers } from "../snapshot/workers.ts";
import { CdiDirectories } from "../spec/cdi/directories.ts";
import { HookDirectories } from "../spec/hooks/directories.ts";
import type { StreamServer, StreamTargets } from "../stream/contract.ts";
import { openStreamServer } from "../stream/server.ts";
import { podForContainers } from "./container-pods.ts";
import { DiskWatch, writtenPlaces } from "./disk-watch.ts";
import { openFaultPort } from "./fault-port.ts";
import type { NodeWatch } from "./node-watch.ts";
import { openRegistry } from "./open-registry.ts";
import { openSpecBuilder } from "./spec-builder.ts";
import { usersOfChains } from "./users-of-chains.ts";

/** Threads are ended after so long without work: each costs memory. */
const THREAD_IDLE_MS = 10_000;
/**
 * The thread for namespaces and cgroups takes 3 to 7 MB, and 30 to 70 ms to start, which a pod's start would wait for. The
 * kubelet reads the pods' counters through it every ten seconds: on a node with pods it stays.
 */
const HOST_THREAD_IDLE_MS = 60_000;
/** One layer a thread; more than the cores would only compete. */
const UNPACKING_THREADS = 2;

/** The kernel, as berth uses it. */
interface HostParts {
  readonly processes: Processes;
  readonly launcher: Launcher;
  readonly files: Files;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly namespaces: Namespaces;
  readonly bootId: BootId;
}

/** Everything that a running daemon is made of. Disposing of it ends threads and closes files; containers run on. */
export interface NodeParts extends AsyncDisposable {
  readonly config: Config;
  readonly paths: Paths;
  readonly watch: NodeWatch;
  readonly log: Logger;
  readonly host: HostParts;
  readonly metadata: Metadata;
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  readonly cdi: CdiDirectories;
  readonly hooks: HookDirectories;
  readonly apparmor: NodeApparmor;
  readonly snapshotters: NodeSnapshotters;
  readonly registry: RegistryClient;
  readonly images: NodeImages;
  readonly events: EventBus<LifecycleEvent>;
  readonly podParts: PodParts;
  readonly containerParts: ContainerParts;
  readonly podSandboxes: PodSandboxes;
  readonly containers: Containers;
  readonly streams: StreamServer;
  readonly nri: NodeNri;
  readonly disks: DiskWatch;
}

/** Builds the whole node: the only place that knows which implementation stands behind each contract. */
export async function openNode(
  config: Config,
  paths: Paths,
  watch: NodeWatch,
  log: Logger,
): Promise<NodeParts> {
  await using opened = new AsyncDisposableStack();
  const bootId = currentBootId();
  const faults = openFaultPort(process.env.BERTH_FAULT);
  const metadata = opened.adopt(
    await openMetadata(paths.database, { idle: 0, committed: watch.committed }),
    (open) => open.close(),
  );
  const host = await openHost(opened.use(new HostThread(HOST_THREAD_IDLE_MS)), bootId, config);
  const { mounts, cgroups, namespaces } = host;
  const workers = new SnapshotWorkers({ atMost: UNPACKING_THREADS, idle: THREAD_IDLE_MS });
  // Comparing may take long: it must not be in the way of pulls.
  const comparers = new SnapshotWorkers({ atMost: 1, idle: THREAD_IDLE_MS });
  opened.defer(() => comparers.close());
  const snapshotters = await openSnapshotters(config, {
    root: paths.snapshots,
    workers,
    tools: { processes: host.processes, path: config.runtime.path },
    log,
  });
  const snapshotsOf = (handler: string) => snapshotters.get(snapshotters.nameFor(handler));
  if (await usesShims(config, paths)) opened.use(await serveShimEvents(paths, log));
  const runtime = watch.runtime(await openContainerRuntime(config, paths, { ...host, log }, snapshotsOf));
  const env = { PATH: config.runtime.path };
  const processes = watch.plugins(host.processes);
  const network = watch.network(
    opened.adopt(
      await openPodNetwork(config.network, paths, { mounts, processes, files: host.files, env, log }),
      (open) => open.close(),
    ),
  );
  const igzip = await programPath("igzip", config.runtime.path);
  const unpacker = watch.unpacker(opened.adopt(openUnpacker(workers, igzip), (open) => open.close()));

  const events = new EventBus<LifecycleEvent>();
  const shared = { events, faults, undoDeadline: config.deadline.undo, bootId, log };
  const containerBook = openContainerBook(metadata, shared);
  const registry = openRegistry(config, host.processes);
  const images = opened.adopt(
    await openImages({
      config,
      metadata,
      content: paths.content,
      snapshotters,
      unpacker,
      bootId,
      admission: imageAdmission(config, paths, host.processes),
      layerKeys: openLayerKeys({
        settings: config.decryption,
        processes: host.processes,
        path: config.runtime.path,
      }),
      pulls: watch.pulls,
      log,
      users: usersOfChains(containerBook),
      registry,
      checking: {
        mounts,
        directory: paths.checks,
        compare: (request) => comparers.run("compare", request),
        root: config.root,
        usage: (directory) => comparers.run("usage", { directory }),
      },
    }),
    (open) => open.close(),
  );
  opened.use(events.subscribe((event) => event.kind === "deleted" && images.containerGone()));
  const podBook = openPodBook(metadata, shared);
  const labels = hostFileLabels(opened.use(new HostThread(THREAD_IDLE_MS)));
  const cdi = new CdiDirectories(config.cdi.directories);
  const hooks = new HookDirectories(config.hooks.directories);
  const apparmor = await NodeApparmor.open(config.apparmor, {
    processes: host.processes,
    files: host.files,
    path: config.runtime.path,
    directory: paths.apparmor,
  });
  const spec = await openSpecBuilder(config, {
    cgroups,
    processes: host.processes,
    labels,
    apparmor,
    runtime,
    cdi,
    hooks,
    paths,
    log,
    containers: containerBook,
  });
  const nri = openNri(config.nri, { paths, version, observer: watch.nri, log });
  const { containerParts, podParts, podSandboxes } = joinedParts(
    {
      containers: {
        paths,
        config,
        files: host.files,
        mounts,
        processes: host.processes,
        cgroups,
        processors: new HeldProcessors(
          paths.processors,
          new Irqbalance(config.runtime.irqbalanceFile, {
            processes: host.processes,
            path: config.runtime.path,
          }),
        ),
        snapshotters,
        unpacker,
        runtime,
        images,
        spec,
        nri: nri.plugins,
      },
      pods: {
        paths,
        config,
        namespaces,
        files: host.files,
        mounts,
        cgroups,
        network,
        runtime,
        snapshotters,
        nri: nri.plugins,
        encodeConfig: encodePodSandboxConfig,
      },
    },
    { containers: containerBook, pods: podBook },
  );
  const containers = openContainers(containerParts);
  if (allowsOrder(config, "seccompNotifier"))
    opened.use(
      openSeccompNotifier(
        paths.seccompSocket,
        (call) => noteRefusedCall(call, containerParts),
        (why) => log.warn({ err: why }, "seccomp filters"),
      ),
    );
  const targets = watch.streams(streamTargets({ containers, podSandboxes }, { containerParts, podParts }));
  const streams = opened.use(await openStreamServer(config.streaming, config.root, { targets, log }));
  const isFailing = () => metadata.problem() !== undefined;
  const disks = opened.use(new DiskWatch(() => writtenPlaces(config, podBook), isFailing, log));
  const all = opened.move();
  return {
    config,
    paths,
    watch,
    log,
    host,
    metadata,
    runtime,
    network,
    cdi,
    hooks,
    apparmor,
    snapshotters,
    registry,
    images,
    events,
    podParts,
    containerParts,
    podSandboxes,
    containers,
    streams,
    nri,
    disks,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** What says which images may be used. */
function imageAdmission(config: Config, paths: Paths, processes: Processes): ImageAdmission {
  const { policy: settings, runtime } = config;
  const { path } = runtime;
  return openAdmission({
    settings,
    gpg: { processes, path, gpgv: settings.gpgv, scratch: paths.scratch },
    lookaside: { registriesDirectory: settings.registriesDirectory, proxyEnv: process.env },
    verifying: { processes, path, settings: settings.verifiers },
  });
}

/** The kernel's ports. Calls that would block the daemon are made on `thread`. */
async function openHost(thread: HostThread, bootId: BootId, config: Config): Promise<HostParts> {
  const mounts = hostMounts();
  const processes = hostProcesses();
  const cgroups = await hostCgroups(thread);
  const isSystemd = config.cgroup.driver === "systemd";
  return {
    processes,
    launcher: new Launcher(),
    files: hostFiles(thread),
    mounts,
    cgroups: isSystemd ? systemdCgroups(cgroups, systemdUnits(processes, config.runtime.path)) : cgroups,
    namespaces: hostNamespaces(thread, mounts),
    bootId,
  };
}

/** What pods and containers work with; each reaches the other through a part of these. */
function joinedParts(
  hosts: { containers: ContainerParts["host"]; pods: PodParts["host"] },
  books: { containers: ContainerBook; pods: PodBook },
): Pick<NodeParts, "containerParts" | "podParts" | "podSandboxes"> {
  const containerParts: ContainerParts = {
    host: hosts.containers,
    book: books.containers,
    pods: {
      get: (id) => podForContainers(podSandboxes.get(id), books.pods, hosts.pods.paths),
      described: (id) => describePod(podSandboxes.get(id), hosts.pods.paths),
    },
  };
  const podParts: PodParts = {
    host: hosts.pods,
    book: books.pods,
    containers: {
      stopAll: (pod) => stopAllOfPod(pod, containerParts),
      removeAll: (pod) => removeAllOfPod(pod, containerParts),
      checkpoint: (pod, request, signal) => checkpointPod(pod, request, containerParts, signal),
      inArchive: containersIn,
      restore: (pod, config, path, signal) => restoreContainer(pod, config, path, containerParts, signal),
    },
  };
  const podSandboxes = openPodSandboxes(podParts);
  return { containerParts, podParts, podSandboxes };
}

/** What the streaming server connects its clients to. */
function streamTargets(
  { containers, podSandboxes }: Pick<NodeParts, "containers" | "podSandboxes">,
  { containerParts, podParts }: Pick<NodeParts, "containerParts" | "podParts">,
): StreamTargets {
  const copies = new Copies();
  return {
    exec: (id, command, wanted, signal) =>
      execStream(containers.get(id), command, wanted, containerParts, signal),
    attach: (id, wanted, signal) => attach(containers.get(id), wanted, containerParts, signal),
    copy: (id, call) => copyFiles(containers.get(id), call, containerParts, copies),
    connect: (id, port) => connectToPod(podSandboxes.get(id), port, podParts),
  };
}
