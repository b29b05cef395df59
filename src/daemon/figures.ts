import { join } from "node:path";
import type { Figures, FileSystemUsage } from "../api/parts.ts";
import type { ContainerId } from "../base/ids.ts";
import { nowNanos } from "../base/units.ts";
import { snapshotKey } from "../container/snapshot.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import { type PodTarget, StatsCollector } from "../stats/collect.ts";
import { UsageCache } from "../stats/usage-cache.ts";
import type { NodeParts } from "./plugins.ts";

/** How old the count of a writable layer may be before it is counted again, in the background. */
const USAGE_INTERVAL_MS = 10_000;

/** The node's figures: cgroups, networks, and what snapshots take on disk. */
export function openFigures(node: NodeParts): Figures {
  const { paths, snapshotter, images } = node;
  const collector = new StatsCollector(node.host);
  const layers = new UsageCache<ContainerId>((id) => snapshotter.usage(snapshotKey(id)), USAGE_INTERVAL_MS);
  const mountpoint = join(paths.snapshots, snapshotter.name);
  const writableLayer = (id: ContainerId): FileSystemUsage | undefined => {
    const counted = layers.get(id);
    return counted === undefined ? undefined : { ...counted, mountpoint };
  };
  return {
    async containers(records, signal) {
      const readings = await collector.containers(records, signal);
      return new Map(
        [...readings].map(([id, reading]) => {
          const layer = writableLayer(id);
          return [id, { ...reading, ...(layer === undefined ? {} : { writableLayer: layer }) }];
        }),
      );
    },
    async pods(records, signal) {
      return await collector.pods(
        records.map((record) => podTarget(record, node)),
        signal,
      );
    },
    async fileSystems() {
      const counted = [...node.containers.list()].map((record) => writableLayer(record.id));
      const sum = { bytes: 0, inodes: 0 };
      for (const usage of counted) {
        sum.bytes += usage?.bytes ?? 0;
        sum.inodes += usage?.inodes ?? 0;
      }
      const at = nowNanos();
      return { images: [{ at, mountpoint, ...images.usage() }], containers: [{ at, mountpoint, ...sum }] };
    },
  };
}

function podTarget(record: PodSandboxRecord, { paths, containers }: NodeParts): PodTarget {
  const ownNetwork = record.config.security.namespaces.network !== "node";
  const netns = ownNetwork ? join(paths.pod(record.id).namespaces, "net") : undefined;
  const pids: number[] = [];
  for (const { state } of containers.ofPod(record.id))
    if (state.kind === "running") pids.push(state.process.init.pid);
  return { id: record.id, cgroup: record.cgroup, netns, pids };
}
