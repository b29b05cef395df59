import type { Logger } from "pino";
import { encodePodSandboxConfig } from "../api/convert/encode-pod-sandbox-config.ts";
import { version } from "../base/version.ts";
import type { Paths } from "../config/paths.ts";
import { allowsOrder } from "../config/pod-orders.ts";
import type { Config } from "../config/schema.ts";
import { openContainerBook } from "../container/book.ts";
import { openContainers } from "../container/containers.ts";
import { noteRefusedCall } from "../container/note-refused-call.ts";
import { EventBus } from "../events/bus.ts";
import type { LifecycleEvent } from "../events/lifecycle.ts";
import { NodeApparmor } from "../linux/apparmor/profiles.ts";
import { currentBootId } from "../linux/boot-id.ts";
import { hostFileLabels } from "../linux/files.ts";
import { HostThread } from "../linux/host-thread.ts";
import { HeldProcessors } from "../linux/processors/held-processors.ts";
import { Irqbalance } from "../linux/processors/irqbalance.ts";
import { programPath } from "../linux/program-path.ts";
import { openSeccompNotifier } from "../linux/seccomp-notifier.ts";
import { openMetadata } from "../metadata/open.ts";
import { openPodNetwork } from "../network/cni/open.ts";
import { openNri } from "../nri/open.ts";
import { openPodBook } from "../pod/book.ts";
import { openContainerRuntime, usesShims } from "../runtime/open.ts";
import { serveShimEvents } from "../runtime/shim/events.ts";
import { openSnapshotters } from "../snapshot/snapshotters.ts";
import { openUnpacker } from "../snapshot/unpacker.ts";
import { SnapshotWorkers } from "../snapshot/workers.ts";
import { CdiDirectories } from "../spec/cdi/directories.ts";
import { HookDirectories } from "../spec/hooks/directories.ts";
import { openStreamServer } from "../stream/server.ts";
import { DiskWatch, writtenPlaces } from "./disk-watch.ts";
import { openFaultPort } from "./fault-port.ts";
import { joinParts } from "./join-parts.ts";
import { openNodeImages } from "./node-images.ts";
import type { NodeParts } from "./node-parts.ts";
import type { NodeWatch } from "./node-watch.ts";
import { openHost } from "./open-host.ts";
import { openRegistry } from "./open-registry.ts";
import { openSpecBuilder } from "./spec-builder.ts";
import { streamTargets } from "./stream-targets.ts";

/** Threads are ended after so long without work: each costs memory. */
const THREAD_IDLE_MS = 10_000;
/**
 * The thread for namespaces and cgroups takes 3 to 7 MB, and 30 to 70 ms to start, which a pod's start would wait for. The
 * kubelet reads the pods' counters through it every ten seconds: on a node with pods it stays.
 */
const HOST_THREAD_IDLE_MS = 60_000;
/** One layer a thread; more than the cores would only compete. */
const UNPACKING_THREADS = 2;

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
  const programs = { processes: host.processes, path: config.runtime.path };
  const workers = new SnapshotWorkers({ atMost: UNPACKING_THREADS, idle: THREAD_IDLE_MS });
  // Comparing may take long: it must not be in the way of pulls.
  const comparers = new SnapshotWorkers({ atMost: 1, idle: THREAD_IDLE_MS });
  opened.defer(() => comparers.close());
  const snapshotters = await openSnapshotters(config, {
    root: paths.snapshots,
    workers,
    tools: programs,
    log,
  });
  const snapshotsOf = (handler: string) => snapshotters.get(snapshotters.nameFor(handler));
  if (await usesShims(config, paths)) opened.use(await serveShimEvents(paths, log));
  const runtime = watch.runtime(await openContainerRuntime(config, paths, { ...host, log }, snapshotsOf));
  const env = { PATH: config.runtime.path };
  const processes = watch.plugins(host.processes);
  const network = watch.network(
    opened.adopt(await openPodNetwork(config.network, paths, { ...host, processes, env, log }), (open) =>
      open.close(),
    ),
  );
  const igzip = await programPath("igzip", config.runtime.path);
  const unpacker = watch.unpacker(opened.adopt(openUnpacker(workers, igzip), (open) => open.close()));

  const events = new EventBus<LifecycleEvent>();
  const shared = { events, faults, undoDeadline: config.deadline.undo, bootId, log };
  const containerBook = openContainerBook(metadata, shared);
  const registry = openRegistry(config, host.processes);
  const images = opened.adopt(
    await openNodeImages(config, paths, {
      host,
      metadata,
      snapshotters,
      unpacker,
      comparers,
      registry,
      containers: containerBook,
      pulls: watch.pulls,
      log,
    }),
    (open) => open.close(),
  );
  opened.use(events.subscribe((event) => event.kind === "deleted" && images.containerGone()));
  const podBook = openPodBook(metadata, shared);
  const labels = hostFileLabels(opened.use(new HostThread(THREAD_IDLE_MS)));
  const cdi = new CdiDirectories(config.cdi.directories);
  const hooks = new HookDirectories(config.hooks.directories);
  const apparmor = await NodeApparmor.open(config.apparmor, {
    ...programs,
    files: host.files,
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
  const { containerParts, podParts, podSandboxes } = joinParts(
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
          new Irqbalance(config.runtime.irqbalanceFile, programs),
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
