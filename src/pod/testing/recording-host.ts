import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Fault } from "../../base/fault.ts";
import { type BootId, newContainerId } from "../../base/ids.ts";
import { loadConfig } from "../../config/load.ts";
import { pathsOf } from "../../config/paths.ts";
import { EventBus } from "../../events/bus.ts";
import type { LifecycleEvent } from "../../events/lifecycle.ts";
import { makeChanges } from "../../linux/file-changes.ts";
import { RecordingCgroups } from "../../linux/testing/recording-cgroups.ts";
import { RecordingMounts } from "../../linux/testing/recording-mounts.ts";
import { RecordingNamespaces } from "../../linux/testing/recording-namespaces.ts";
import { openMetadata } from "../../metadata/open.ts";
import type { PodNetwork } from "../../network/contract.ts";
import { noNriPlugins } from "../../nri/contract.ts";
import type { ContainerRuntime, SandboxRequest } from "../../runtime/contract.ts";
import type { PodSandboxConfig } from "../../spec/cri/pod-sandbox-config.ts";
import { openPodBook } from "../book.ts";
import type { PodParts } from "../parts.ts";
import type { PodSandboxRecord } from "../state.ts";

/** A host whose kernel, network and runtime only keep account of what they were asked for; files are real. */
export class RecordingPodHost implements AsyncDisposable {
  readonly mounts = new RecordingMounts();
  readonly namespaces = new RecordingNamespaces();
  readonly cgroups = new RecordingCgroups();
  readonly attached = new Set<string>();
  readonly abandoned = new Set<string>();
  readonly monitored = new Set<string>();
  readonly prepared = new Set<string>();
  readonly directory: string;
  /** Why its runtime can't run pods in user namespaces; undefined: it can. */
  userNamespaceProblem: string | undefined;
  /** What makes the sandboxes of its handler's pods. */
  sandboxer: PodSandboxRecord["sandboxer"];
  /** Where its runtime's containers run. */
  isOnHost = true;
  /** What shims were asked to make. */
  readonly sandboxes: SandboxRequest[] = [];
  /** Throws to make a point of the step tables fail. */
  atPoint: (point: string) => void | Promise<void> = () => undefined;
  readonly parts: PodParts;
  readonly #close: () => Promise<void>;

  private constructor(
    directory: string,
    parts: (host: RecordingPodHost) => PodParts,
    close: () => Promise<void>,
  ) {
    this.directory = directory;
    this.parts = parts(this);
    this.#close = close;
  }

  static async open(): Promise<RecordingPodHost> {
    const directory = await mkdtemp(join(tmpdir(), "berth-pod-"));
    const { config } = loadConfig({ root: join(directory, "root"), state: join(directory, "state") }, {});
    const metadata = await openMetadata(join(directory, "berth.db"), { idle: 0 });
    return new RecordingPodHost(
      directory,
      (host) => ({
        host: {
          config,
          paths: pathsOf(config),
          files: { change: async (changes) => makeChanges(changes) },
          mounts: host.mounts,
          namespaces: host.namespaces,
          cgroups: host.cgroups,
          network: host.#network(),
          runtime: host.#runtime(),
          snapshotters: {
            nameFor: () => "overlay",
            get: (name) => {
              throw new Fault("notFound", `pods of this host have nothing in a snapshotter ${name}`);
            },
          },
          nri: noNriPlugins,
          encodeConfig: (config) => Buffer.from(JSON.stringify(config)),
        },
        book: openPodBook(metadata, {
          events: new EventBus<LifecycleEvent>(),
          faults: { at: (point) => host.atPoint(point) },
          undoDeadline: 20_000,
          bootId: "this boot" as BootId,
          log: pino({ level: "silent" }),
        }),
        containers: {
          stopAll: async () => undefined,
          removeAll: async () => undefined,
          checkpoint: async () => undefined,
          inArchive: async () => [],
          restore: async () => newContainerId(),
        },
      }),
      async () => {
        await metadata.close();
        await rm(directory, { recursive: true, force: true });
      },
    );
  }

  /** What is left of pods on the host, records aside. */
  traces(): string[] {
    return [
      ...this.mounts.table.map(({ target }) => `mount ${target}`),
      ...[...this.namespaces.pins.keys()].map((pin) => `namespaces ${pin}`),
      ...[...this.cgroups.groups.keys()]
        .filter((group) => /[0-9a-f]{64}/.test(group))
        .map((group) => `cgroup ${group}`),
      ...[...this.attached].map((id) => `attachment ${id}`),
      ...[...this.monitored].map((id) => `monitor ${id}`),
      ...[...this.prepared].map((id) => `shim ${id}`),
    ];
  }

  #network(): PodNetwork {
    const network: Partial<PodNetwork> = {
      attach: async ({ id }) => {
        this.attached.add(id);
        return { addresses: ["10.0.0.2"], interfaces: [] };
      },
      detach: async (id) => void this.attached.delete(id),
      abandon: async (id) => {
        this.attached.delete(id);
        this.abandoned.add(id);
      },
    };
    return network as PodNetwork;
  }

  #runtime(): ContainerRuntime {
    const runtime: Partial<ContainerRuntime> = {
      userNamespaceProblems: async () => new Map([["crun", this.userNamespaceProblem]]),
      resolveHandler: (name) => {
        if (name !== "" && name !== "crun") throw new Fault("invalid", `there is no runtime handler ${name}`);
        const features = { recursiveReadOnly: true, networkDevices: false };
        const { sandboxer } = this;
        const probe = { handler: "crun", path: "/usr/bin/crun", version: "1", problem: undefined, features };
        return sandboxer === undefined ? probe : { ...probe, sandboxer };
      },
      prepare: ({ pod }) => void this.prepared.add(pod),
      endPrepared: async (pod) => void this.prepared.delete(pod),
      isOnHost: () => this.isOnHost,
      sandboxes: {
        start: async (request) => {
          this.sandboxes.push(request);
          this.monitored.add(request.id);
          const shim = { pid: process.pid, startTicks: 1 };
          return { monitor: shim, init: shim };
        },
        status: async () => undefined,
        metrics: async () => undefined,
      },
      create: async ({ id }) => {
        this.monitored.add(id);
        return { monitor: { pid: 1, startTicks: 1 }, init: { pid: 1, startTicks: 1 } };
      },
      start: async () => undefined,
      delete: async (id) => void this.monitored.delete(id),
    };
    return runtime as ContainerRuntime;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

/** A pod with everything of its own, and a shared PID namespace. */
export function podConfig(name: string, attempt = 0): PodSandboxConfig {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: "test", attempt },
    hostname: name,
    logDirectory: "",
    portMappings: [],
    labels: {},
    annotations: {},
    cgroupParent: "",
    security: {
      namespaces: { network: "pod", pid: "pod", ipc: "pod" },
      readonlyRootfs: false,
      supplementalGroups: [],
      supplementalGroupsPolicy: "merge",
      privileged: false,
    },
    sysctls: {},
  };
}
