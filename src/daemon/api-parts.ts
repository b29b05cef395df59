import { readFile } from "node:fs/promises";
import type { ApiParts } from "../api/parts.ts";
import type { ContainerId } from "../base/ids.ts";
import { nowNanos } from "../base/units.ts";
import { version } from "../base/version.ts";
import { actualResources } from "../container/limits/actual-resources.ts";
import { snapshotKey } from "../container/snapshot.ts";
import { readLabel } from "../linux/apparmor/kernel.ts";
import { logIn, logOut } from "../registry/login.ts";
import { LimitsReader } from "../stats/read-limits.ts";
import { openFigures } from "./figures.ts";
import type { NodeParts } from "./node-parts.ts";

/** The node as the API drives it. */
export function apiParts(node: NodeParts): ApiParts {
  const { images, paths } = node;
  const limits = new LimitsReader(node.host.cgroups);
  return {
    podSandboxes: node.podSandboxes,
    containers: node.containers,
    images,
    transfer: {
      pull: (reference, options, progress, signal) =>
        images.pullTelling(reference, options, progress, signal),
      testAdmission: (reference, options, signal) => images.testAdmission(reference, options, signal),
      import: (path, signal) => images.import(path, signal),
      export: (references, signal) => images.export(references, signal),
      push: (push, progress, signal) => images.push(push, progress, signal),
      tag: (image, name, signal) => images.tag(image, name, signal),
      untag: (name, signal) => images.untag(name, signal),
    },
    upkeep: images.upkeep,
    registries: {
      walk: (name, auth, signal) => images.walk(name, auth, signal),
      logIn: (registry, auth, signal) => logIn(node.registry, registry, auth, signal),
      logOut: (registry, signal) => logOut(node.registry, registry, signal),
    },
    events: node.events,
    streams: node.streams,
    log: node.log,
    observer: node.watch.api,
    node: {
      facts: {
        version,
        startedAt: nowNanos(),
        config: node.config,
        cgroupVersion: node.host.cgroups.version,
        setAside: node.metadata.setAside,
        features: { supplementalGroupsPolicy: true, mountOptions: true },
      },
      runtime: node.runtime,
      network: node.network,
      cdi: node.cdi,
      hooks: node.hooks,
      nri: node.nri.plugins,
      apparmor: node.apparmor,
      figures: openFigures(node),
      storage: {
        snapshotters: node.snapshotters,
        root: paths.snapshots,
        fileSystems: () => node.disks.states(),
        databaseProblem: () => node.metadata.problem(),
        writableLayer: (id) => writableLayer(id, node),
      },
      actualResources: (record) =>
        node.runtime.isOnHost(record.id, record.handler) ? actualResources(record, limits) : record.resources,
      apparmorLabel: readLabel,
      readBundleConfig: (id) =>
        readFile(`${paths.container(id).bundle}/config.json`, "utf8").catch(() => undefined),
    },
  };
}

/** Of a container that is gone, or of none: a directory that is empty. */
function writableLayer(id: ContainerId | undefined, { snapshotters, containerParts }: NodeParts): string {
  const record = id && containerParts.book.records.get(id);
  const snapshotter = snapshotters.get(record?.snapshotter ?? snapshotters.usual);
  return snapshotter.writableLayer(record && snapshotKey(record.id));
}
