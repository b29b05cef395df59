import { readdir, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { throwIfEnded } from "../base/deadline.ts";
import type { ContainerId, PodSandboxId, SnapshotKey } from "../base/ids.ts";
import { slicePath } from "../linux/slice.ts";
import type { Snapshotter } from "../snapshot/contract.ts";
import type { NodeParts } from "./node-parts.ts";

/** How long the kernel may take to let go of a cgroup whose last process was just killed. */
const CGROUP_WAIT_MS = 2_000;

/**
 * Takes away whatever lies on the host without a record: what a lost or damaged database no longer knows.
 *
 * Safe beside other operations: a trace is made after its record and goes before it, and the traces are listed first.
 */
export async function sweepStrays(node: NodeParts, signal: AbortSignal): Promise<void> {
  await sweepContainers(node, signal);
  await sweepCheckpoints(node);
  await sweepPods(node, signal);
  await sweepCgroups(node, signal);
  await sweepSnapshots(node, signal);
  await node.network.sweep((id) => mayBeAttached(id, node), signal);
  await node.images.sweep(signal);
}

/** False for one that was stopped in another boot, too: a power cut may have brought back what its end had taken away. */
function mayBeAttached(id: PodSandboxId, { podParts: { book } }: NodeParts): boolean {
  const record = book.records.get(id);
  return record !== undefined && (record.state.kind !== "stopped" || record.bootId === book.bootId);
}

function isKnown(id: string, node: NodeParts): boolean {
  // A pod's init is a container by the pod's own id.
  return (
    node.containerParts.book.records.get(id as ContainerId) !== undefined ||
    node.podParts.book.records.get(id as PodSandboxId) !== undefined
  );
}

async function sweepContainers(node: NodeParts, signal: AbortSignal): Promise<void> {
  const { paths, log, runtime, watch } = node;
  const traces = new Set([
    ...(await runtime.traces()),
    ...(await names(paths.containers)),
    ...(await names(paths.exits)),
    ...(await names(paths.processors).catch(() => [])),
  ]);
  for (const id of traces as Set<ContainerId>) {
    if (isKnown(id, node)) continue;
    throwIfEnded(signal, "sweeping containers");
    log.warn({ container: id }, "taking away a container that no record knows");
    watch.stray("container");
    await node.containerParts.host.processors.release(id);
    await runtime.delete(id, "", signal);
    const { bundle, rootfs, exitFile } = paths.container(id);
    await unmountBelow(bundle, node);
    await removeEmpty(rootfs);
    await rm(bundle, { recursive: true, force: true });
    await rm(exitFile, { force: true });
  }
}

async function sweepCheckpoints(node: NodeParts): Promise<void> {
  const { paths, log, watch } = node;
  for (const id of await names(paths.checkpoints)) {
    if (isKnown(id, node)) continue;
    log.warn({ container: id }, "removing files of a checkpoint that no record knows");
    watch.stray("checkpoint");
    await rm(join(paths.checkpoints, id), { recursive: true, force: true });
  }
}

async function sweepPods(node: NodeParts, signal: AbortSignal): Promise<void> {
  const { paths, log, host, podParts, watch } = node;
  for (const id of (await names(paths.pods)) as PodSandboxId[]) {
    if (podParts.book.records.get(id) !== undefined) continue;
    throwIfEnded(signal, "sweeping pods");
    log.warn({ pod: id }, "taking away a pod that no record knows");
    watch.stray("pod");
    const { directory, namespaces } = paths.pod(id);
    await host.namespaces.unpin(namespaces);
    await unmountBelow(directory, node);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Only below berth's own parent: what lies below a caller's is found by the container's id. */
async function sweepCgroups(node: NodeParts, signal: AbortSignal): Promise<void> {
  const { config, host, log, watch } = node;
  const { driver, parent } = config.cgroup;
  const own = driver === "systemd" ? slicePath(parent) : join("/", parent);
  for (const cgroup of await host.cgroups.below(own)) {
    const id = /(?:^|-)([0-9a-f]{64})(?:\.slice|\.scope)?$/.exec(basename(cgroup))?.[1];
    if (id === undefined || isKnown(id, node)) continue;
    log.warn({ cgroup }, "taking away a cgroup that no record knows");
    watch.stray("cgroup");
    await host.cgroups.killAll(cgroup, signal);
    await host.cgroups.remove(cgroup, CGROUP_WAIT_MS);
  }
}

async function sweepSnapshots(node: NodeParts, signal: AbortSignal): Promise<void> {
  for (const snapshotter of node.snapshotters.all()) {
    try {
      await sweepSnapshotsOf(snapshotter, node, signal);
    } catch (err) {
      if (signal.aborted) throw err;
      // One in a process of its own may be away for a while: that keeps nothing else from being swept.
      node.log.warn({ err, snapshotter: snapshotter.name }, "containers' snapshots are not swept yet");
    }
  }
}

async function sweepSnapshotsOf(
  snapshotter: Snapshotter,
  node: NodeParts,
  signal: AbortSignal,
): Promise<void> {
  const { containers } = await snapshotter.list();
  for (const key of containers as SnapshotKey[]) {
    if (snapshotterOf(key, node) === snapshotter.name) continue;
    throwIfEnded(signal, "sweeping snapshots");
    const stray = { container: key, snapshotter: snapshotter.name };
    node.log.warn(stray, "removing a container's snapshot that no record knows");
    node.watch.stray("snapshot");
    await snapshotter.remove(key);
  }
}

/** Of a container, or of a pod's own. */
function snapshotterOf(key: SnapshotKey, { containerParts, podParts }: NodeParts): string | undefined {
  const id: string = key;
  const container = containerParts.book.records.get(id as ContainerId);
  return container?.snapshotter ?? podParts.book.records.get(id as PodSandboxId)?.sandboxSnapshotter;
}

async function unmountBelow(directory: string, { host }: NodeParts): Promise<void> {
  for (const mount of await host.mounts.below(directory)) await host.mounts.unmount(mount.target);
}

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
