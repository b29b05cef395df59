import { deadlineIn, waitFor } from "../../base/deadline.ts";
import type { FileSystemState } from "../../linux/file-system-state.ts";
import { troubleOf } from "../../linux/remedy.ts";
import type { Family } from "../../metrics/family.ts";
import { Gauge, type Reading } from "../../metrics/gauge.ts";
import type { HostHealth, HostState } from "../../registry/host-health.ts";
import type { Snapshotter } from "../../snapshot/contract.ts";
import { UsageCache } from "../../stats/usage-cache.ts";
import type { DiskWatch } from "../disk-watch.ts";
import type { NodeParts } from "../node-parts.ts";

const podStates = ["making", "ready", "stopping", "stopped", "stranded"];
const containerStates = [
  ...["making", "created", "checkpointed", "running", "exited", "removing", "stranded"],
];
/** How old the count of the stored blobs may be; counting goes on in the background. */
const contentIntervalMs = 30_000;

const listDeadlineMs = 2_000;

/** How much of everything there is, read when it is asked for. */
export function nodeCounts(node: NodeParts): Family[] {
  const { podSandboxes, containers, images, snapshotters, metadata, registry, disks } = node;
  const content = new UsageCache<"content">(() => images.contentUsage(), contentIntervalMs);
  return [
    new Gauge({ name: "berth_pods", help: "Pod sandboxes by state.", labels: ["state"] }, () =>
      countStates(podSandboxes.list(), podStates),
    ),
    new Gauge({ name: "berth_containers", help: "Containers by state.", labels: ["state"] }, () =>
      countStates(containers.list(), containerStates),
    ),
    new Gauge({ name: "berth_nri_plugins", help: "NRI plugins that take part." }, () => [
      [node.nri.plugins.reports().filter(({ state }) => state === "active").length],
    ]),
    new Gauge({ name: "berth_images", help: "Images that can be used." }, () => [
      [[...images.list()].length],
    ]),
    new Gauge(
      { name: "berth_image_layer_bytes", help: "What all layers take, unpacked, each counted once." },
      () => [[snapshotters.probes().reduce((sum, { name }) => sum + images.usage(name).bytes, 0)]],
    ),
    new Gauge(
      {
        name: "berth_snapshots",
        help: "Snapshots on disk: layers, containers, unfinished layers.",
        labels: ["kind"],
      },
      async () => {
        const lists = await Promise.all(snapshotters.all().map(listWithin));
        const count = (kind: "committed" | "containers" | "ingests") =>
          lists.reduce((sum, list) => sum + list[kind].length, 0);
        return [
          [count("committed"), "layer"],
          [count("containers"), "container"],
          [count("ingests"), "ingest"],
        ];
      },
    ),
    new Gauge({ name: "berth_content_blobs", help: "Blobs in the content store." }, () => {
      const counted = content.get("content");
      return counted === undefined ? [] : [[counted.inodes]];
    }),
    new Gauge({ name: "berth_content_bytes", help: "Bytes of the blobs in the content store." }, () => {
      const counted = content.get("content");
      return counted === undefined ? [] : [[counted.bytes]];
    }),
    ...registryHosts(registry.health),
    ...fileSystems(disks),
    new Gauge(
      {
        name: "berth_damaged_records",
        help: "Records that could not be read at the start and were set aside.",
      },
      () => [[metadata.setAside.length]],
    ),
  ];
}

/** As many series as there are hosts that were asked, a few hundred at most. */
function registryHosts(health: HostHealth): Family[] {
  const each = (read: (state: HostState) => number) => () =>
    health.states().map((state): Reading => [read(state), state.base]);
  const labels = ["host"];
  return [
    new Gauge(
      {
        name: "berth_registry_requests_total",
        help: "Requests to a registry's host that came to an end.",
        labels,
      },
      each(({ asked }) => asked),
      "counter",
    ),
    new Gauge(
      {
        name: "berth_registry_failures_total",
        help: "Those that failed for the host's sake: no connection, no TLS, silence, errors of its own.",
        labels,
      },
      each(({ failed }) => failed),
      "counter",
    ),
    new Gauge(
      {
        name: "berth_registry_host_resting",
        help: "1 while a host is passed over for having failed again and again.",
        labels,
      },
      each(({ restsFor }) => (restsFor === undefined ? 0 : 1)),
    ),
  ];
}

/** Of what the daemon and the containers' monitors write to. */
function fileSystems(disks: DiskWatch): Family[] {
  const each = (read: (state: FileSystemState) => number | undefined) => () =>
    [...disks.states()].flatMap(([place, state]): Reading[] => {
      const value = read(state);
      return value === undefined ? [] : [[value, place]];
    });
  const labels = ["place"];
  return [
    new Gauge(
      {
        name: "berth_file_system_free_bytes",
        help: "What the file systems have left that are written to.",
        labels,
      },
      each(({ free }) => free),
    ),
    new Gauge(
      {
        name: "berth_file_system_free_inodes",
        help: "How many more files can be made there; absent where that has no limit.",
        labels,
      },
      each(({ inodes, freeInodes }) => (inodes === 0 ? undefined : freeInodes)),
    ),
    new Gauge(
      {
        name: "berth_file_system_unusable",
        help: "1 while nothing can be written there: full, no inodes, read-only.",
        labels,
      },
      each((state) => (troubleOf(state) === undefined ? 0 : 1)),
    ),
  ];
}

/** What it holds; nothing of one in a process of its own that does not answer soon: the others are told of all the same. */
async function listWithin(snapshotter: Snapshotter): ReturnType<Snapshotter["list"]> {
  using deadline = deadlineIn(listDeadlineMs);
  return await waitFor(snapshotter.list(), deadline.signal, "listing snapshots").catch(() => ({
    committed: [],
    containers: [],
    ingests: [],
  }));
}

function countStates(
  records: Iterable<{ readonly state: { readonly kind: string } }>,
  states: readonly string[],
): Iterable<Reading> {
  const counts = new Map(states.map((state) => [state, 0]));
  for (const { state } of records) counts.set(state.kind, (counts.get(state.kind) ?? 0) + 1);
  return [...counts].map(([state, count]) => [count, state]);
}
