import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Figures, FileSystemUsage, MetricReadings } from "../api/parts.ts";
import type { ContainerId } from "../base/ids.ts";
import { nowNanos } from "../base/units.ts";
import { snapshotKey } from "../container/snapshot.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import { type PodTarget, StatsCollector } from "../stats/collect.ts";
import { MetricsCollector } from "../stats/pod-metrics/collect.ts";
import type { LayerFileSystem } from "../stats/pod-metrics/contract.ts";
import { DeviceNames, deviceHolding } from "../stats/pod-metrics/devices.ts";
import { UsageCache } from "../stats/usage-cache.ts";
import type { NodeParts } from "./node-parts.ts";
import { byPlace, toldMetrics, toldPodMetrics } from "./told-metrics.ts";

/** How old the count of a writable layer may be before it is counted again, in the background. */
const USAGE_INTERVAL_MS = 10_000;
/** How long metrics wait for the first count of a layer: without, a disk's usage would seem not to exist. */
const FIRST_COUNT_MS = 500;

/** The node's figures: cgroups, networks, and what snapshots take on disk. */
export function openFigures(node: NodeParts): Figures {
  const { snapshotters, images, containerParts } = node;
  const collector = new StatsCollector(node.host);
  const snapshotterOf = (id: ContainerId) =>
    containerParts.book.records.get(id)?.snapshotter ?? snapshotters.usual;
  const layers = new UsageCache<ContainerId>(
    (id) => snapshotters.get(snapshotterOf(id)).usage(snapshotKey(id)),
    USAGE_INTERVAL_MS,
  );
  const store = new UsageCache<"content">(() => images.storeUsage(), USAGE_INTERVAL_MS);
  const directories = new Map(snapshotters.probes().map(({ name, directory }) => [name, directory]));
  const writableLayer = (id: ContainerId): FileSystemUsage | undefined => {
    const counted = layers.get(id);
    const mountpoint = directories.get(snapshotterOf(id));
    return counted === undefined || mountpoint === undefined ? undefined : { ...counted, mountpoint };
  };
  return {
    async containers(records, signal) {
      const { here, away } = byPlace(records, node);
      const [readings, told] = await Promise.all([
        collector.containers(here, signal),
        toldMetrics(away, node, signal),
      ]);
      for (const [id, { figures }] of told) readings.set(id, collector.told(id, figures));
      return new Map(
        [...readings].map(([id, reading]) => {
          const layer = writableLayer(id);
          return [id, { ...reading, ...(layer === undefined ? {} : { writableLayer: layer }) }];
        }),
      );
    },
    async pods(records, signal) {
      const targets = records.map((record) => podTarget(record, node));
      const [readings, told] = await Promise.all([
        collector.pods(targets, signal),
        toldPodMetrics(records, node, signal),
      ]);
      for (const [id, { figures }] of told)
        readings.set(id, { ...readings.get(id), ...collector.toldOfPod(id, figures) });
      return readings;
    },
    async fileSystems() {
      const at = nowNanos();
      await store.countedOnce(["content"], FIRST_COUNT_MS);
      const counted = [...node.containers.list()].flatMap((record) => writableLayer(record.id) ?? []);
      const content = { at, mountpoint: node.paths.content, bytes: 0, inodes: 0, ...store.get("content") };
      // A kubelet looks at the first alone: the usual snapshotter's.
      const all = [...directories].map(([name, mountpoint]) => {
        const own = counted.filter((usage) => usage.mountpoint === mountpoint);
        const containers = {
          bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
          inodes: own.reduce((sum, { inodes }) => sum + inodes, 0),
        };
        return { at, mountpoint, images: images.usage(name), containers };
      });
      return {
        images: [...all.map(({ at, mountpoint, images }) => ({ at, mountpoint, ...images })), content],
        containers: all.map(({ at, mountpoint, containers }) => ({ at, mountpoint, ...containers })),
      };
    },
    metrics: openMetricReadings(node, collector, layers),
  };
}

/** What metrics are made from: networks and counted layers are those of the statistics. */
function openMetricReadings(
  node: NodeParts,
  stats: StatsCollector,
  layers: UsageCache<ContainerId>,
): MetricReadings {
  const metrics = new MetricsCollector<ContainerId>(node.host.cgroups);
  const devices = new DeviceNames();
  const { snapshots } = node.paths;
  let device: Promise<string> | undefined; // asked for once: with many pods the table of mounts is long
  return {
    async containers(records, signal) {
      const ids = records.map(({ id }) => id);
      await layers.countedOnce(ids, FIRST_COUNT_MS);
      device ??= deviceHolding(snapshots);
      const { here, away } = byPlace(records, node);
      const [readings, told, disk] = await Promise.all([
        metrics.containers(
          here.flatMap(({ id, cgroup, state }) =>
            state.kind === "running" ? [{ id, cgroup, init: state.process.init.pid }] : [],
          ),
          signal,
        ),
        toldMetrics(away, node, signal),
        readDisk(snapshots, device),
      ]);
      for (const [id, cgroup] of told)
        readings.set(id, { cgroup, processes: { processes: cgroup.figures.processes } });
      return new Map(
        [...readings].map(([id, live]) => [id, { ...live, fileSystem: { ...disk, used: layers.get(id) } }]),
      );
    },
    networks: (records, signal) =>
      stats.networks(
        records.map((record) => podTarget(record, node)),
        signal,
      ),
    oomKills: ({ cgroup }) => metrics.oomKills(cgroup),
    deviceName: (number) => devices.nameOf(number),
  };
}

async function readDisk(directory: string, device: Promise<string>): Promise<Omit<LayerFileSystem, "used">> {
  const { bsize, blocks, files, ffree } = await statfs(directory);
  return { device: await device, limit: bsize * blocks, inodes: files, inodesFree: ffree };
}

function podTarget(record: PodSandboxRecord, { paths, containers }: NodeParts): PodTarget {
  const ownNetwork = record.config.security.namespaces.network !== "node";
  const netns = ownNetwork ? join(paths.pod(record.id).namespaces, "net") : undefined;
  const pids: number[] = [];
  for (const { state } of containers.ofPod(record.id))
    if (state.kind === "running") pids.push(state.process.init.pid);
  return { id: record.id, cgroup: record.cgroup, netns, pids };
}
