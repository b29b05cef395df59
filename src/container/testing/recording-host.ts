import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Fault } from "../../base/fault.ts";
import type { BootId, ContainerId, Digest, PodSandboxId } from "../../base/ids.ts";
import { nowNanos } from "../../base/units.ts";
import { loadConfig } from "../../config/load.ts";
import { pathsOf } from "../../config/paths.ts";
import { EventBus } from "../../events/bus.ts";
import type { LifecycleEvent } from "../../events/lifecycle.ts";
import type { ImageRecord, Images } from "../../image/contract.ts";
import { makeChanges } from "../../linux/file-changes.ts";
import { RecordingCgroups } from "../../linux/testing/recording-cgroups.ts";
import { RecordingMounts } from "../../linux/testing/recording-mounts.ts";
import { RecordingProcesses } from "../../linux/testing/recording-processes.ts";
import { openMetadata } from "../../metadata/open.ts";
import { noNriPlugins } from "../../nri/contract.ts";
import type { ContainerRuntime, MonitoredContainer } from "../../runtime/contract.ts";
import type { Snapshotter, Snapshotters } from "../../snapshot/contract.ts";
import type { LayerUnpacker } from "../../snapshot/unpack-contract.ts";
import type { ContainerConfig } from "../../spec/cri/container-config.ts";
import type { PodSandboxConfig } from "../../spec/cri/pod-sandbox-config.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import { openContainerBook } from "../book.ts";
import { recordExit } from "../exits.ts";
import type { ContainerParts } from "../parts.ts";
import type { ContainerPod } from "../pod.ts";

const podId = "a".repeat(64) as PodSandboxId;
const imageId = `sha256:${"1".repeat(64)}` as Digest;
const process: MonitoredContainer = { monitor: { pid: 1, startTicks: 1 }, init: { pid: 1, startTicks: 1 } };

/** A host whose kernel, snapshots and runtime only keep account of what they were asked for; files are real. */
export class RecordingContainerHost implements AsyncDisposable {
  readonly mounts = new RecordingMounts();
  readonly cgroups = new RecordingCgroups();
  readonly snapshots = new Set<string>();
  readonly monitored = new Set<string>();
  /** Containers that the runtime was told to forget, as they had ended. */
  readonly forgotten = new Set<string>();
  /** As in `SIGTERM <id>`. */
  readonly kills: string[] = [];
  readonly events: string[] = [];
  /** Why the pod takes no containers. */
  podRefuses: string | undefined;
  /** The signals that end a container. */
  readonly deadly = new Set(["SIGKILL"]);
  startFails = false;
  /** Of a host with SELinux. */
  mountLabel: string | undefined;
  /** Throws to make a point of the step tables fail. */
  atPoint: (point: string) => void | Promise<void> = () => undefined;
  readonly parts: ContainerParts;
  #isWatched = false;
  readonly #close: () => Promise<void>;

  private constructor(parts: (host: RecordingContainerHost) => ContainerParts, close: () => Promise<void>) {
    this.parts = parts(this);
    this.parts.book.events.subscribe(({ kind }) => this.events.push(kind));
    this.#close = close;
  }

  static async open(): Promise<RecordingContainerHost> {
    const directory = await mkdtemp(join(tmpdir(), "berth-container-"));
    const { config } = loadConfig({ root: join(directory, "root"), state: join(directory, "state") }, {});
    const metadata = await openMetadata(join(directory, "berth.db"), { idle: 0 });
    const paths = pathsOf(config);
    return new RecordingContainerHost(
      (host) => ({
        host: {
          config,
          paths,
          files: { change: async (changes) => makeChanges(changes) },
          mounts: host.mounts,
          processes: new RecordingProcesses(),
          cgroups: host.cgroups,
          processors: { hold: async () => undefined, release: async () => undefined },
          snapshotters: host.#snapshotters(),
          unpacker: {} as LayerUnpacker,
          runtime: host.#runtime(),
          images: {
            find: (name) => (name === "busybox" || name === imageId ? image : undefined),
            unpackIn: async () => undefined,
            requireAllowed: async () => undefined,
          } as Partial<Images> as Images,
          spec: {
            build: async () => ({
              config: {} as OciConfig,
              user: { uid: 0, gid: 0, supplementalGroups: [] },
            }),
            mountLabel: () => host.mountLabel,
            resources: () => ({}),
            adjust: async (config) => config,
            oomScoreAdj: (score) => score,
          },
          nri: noNriPlugins,
        },
        book: openContainerBook(metadata, {
          events: new EventBus<LifecycleEvent>(),
          faults: { at: (point) => host.atPoint(point) },
          undoDeadline: 20_000,
          bootId: "this boot" as BootId,
          log: pino({ level: "silent" }),
        }),
        pods: {
          get: () => host.#pod(),
          described: () => {
            throw new Error("there is no plugin to describe it to");
          },
        },
      }),
      async () => {
        await metadata.close();
        await rm(directory, { recursive: true, force: true });
      },
    );
  }

  /** From now on exits are recorded. */
  watchExits(): void {
    this.#isWatched = true;
  }

  /** The container's process ends, as its monitor would tell. */
  exit(id: ContainerId, code: number): void {
    if (this.#isWatched) void recordExit({ id, code, at: nowNanos(), cause: "exited" }, this.parts);
  }

  /** What is left of containers on the host, records aside. */
  traces(): string[] {
    return [
      ...this.mounts.table.map(({ target }) => `mount ${target}`),
      ...[...this.snapshots].map((key) => `snapshot ${key}`),
      ...[...this.monitored].map((id) => `monitor ${id}`),
    ];
  }

  #pod(): ContainerPod {
    return {
      id: podId,
      config: {
        metadata: { name: "pod", namespace: "default", uid: "1", attempt: 0 },
        logDirectory: "",
        security: { namespaces: {} },
      } as PodSandboxConfig,
      refuses: this.podRefuses,
      handler: "crun",
      cgroup: "/berth/pod",
      monitorCgroup: "/berth/pod/monitors",
      hostname: "pod",
      namespaces: {},
      files: { hostname: "", hosts: "", resolvConf: "", shm: "" },
    };
  }

  #snapshotters(): Snapshotters {
    const snapshotter: Partial<Snapshotter> = {
      prepareContainer: async (key) => void this.snapshots.add(key),
      view: async (chain) => [{ type: "overlay", source: chain, options: [] }],
      mounts: async (key) => [{ type: "overlay", source: key, options: [] }],
      remove: async (key) => void this.snapshots.delete(key),
    };
    const get = () => snapshotter as Snapshotter;
    return { usual: "overlay", nameFor: () => "overlay", get, all: () => [get()], probes: () => [] };
  }

  #runtime(): ContainerRuntime {
    const runtime: Partial<ContainerRuntime> = {
      create: async ({ id }) => {
        this.monitored.add(id);
        return process;
      },
      configOf: () => undefined,
      takesMounts: () => false,
      connectInSandbox: async () => undefined,
      start: async (id) => {
        if (this.startFails) throw new Fault("internal", `exec format error in ${id}`);
      },
      kill: async (id, _handler, signal) => {
        this.kills.push(signal);
        if (this.deadly.has(signal)) this.exit(id, 137);
      },
      ended: async () => undefined,
      forgetEnded: async (id) => void this.forgotten.add(id),
      delete: async (id) => void this.monitored.delete(id),
      state: async () => "running",
      recordedExit: () => undefined,
    };
    return runtime as ContainerRuntime;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

const image = {
  id: imageId,
  tags: ["busybox"],
  digests: [],
  layers: [{ chainId: imageId }],
  config: { config: { Volumes: {} } },
} as unknown as ImageRecord;

export function containerConfig(name: string, attempt = 0): ContainerConfig {
  return {
    metadata: { name, attempt },
    image: { image: "busybox", annotations: {}, userSpecifiedImage: "busybox", runtimeHandler: "" },
    command: ["sleep", "100"],
    mounts: [{ containerPath: "/tools", image: { image: "busybox" }, imageSubPath: "bin" }],
    logPath: "",
    resources: {},
    stopSignal: "",
    security: { namespaces: { network: "pod", pid: "container", ipc: "pod" } },
  } as unknown as ContainerConfig;
}

export { podId };
