import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { Fault } from "../../base/fault.ts";
import {
  type BootId,
  type ContainerId,
  type ImageId,
  newContainerId,
  newPodSandboxId,
  type PodSandboxId,
} from "../../base/ids.ts";
import { findByPrefix } from "../../base/prefix.ts";
import { nowNanos } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import type { Containers } from "../../container/contract.ts";
import { type ContainerRecord, containerExited, containerStarted } from "../../container/state.ts";
import { EventBus } from "../../events/bus.ts";
import type { LifecycleEvent } from "../../events/lifecycle.ts";
import { fakeApparmor } from "../../linux/testing/apparmor.ts";
import { noNriPlugins } from "../../nri/contract.ts";
import type { PodSandboxes } from "../../pod/contract.ts";
import { type PodSandboxRecord, podReady, podStopped } from "../../pod/state.ts";
import { step } from "../../registry/walk-step.ts";
import type { HandlerProbe } from "../../runtime/contract.ts";
import { CdiDirectories } from "../../spec/cdi/directories.ts";
import { HookDirectories } from "../../spec/hooks/directories.ts";
import type { ApiNode, ApiParts } from "../parts.ts";
import { figuresInMemory } from "./figures-in-memory.ts";
import { ImagesInMemory } from "./images-in-memory.ts";

const boot = "boot" as BootId;
const process = { monitor: { pid: 10, startTicks: 1 }, init: { pid: 11, startTicks: 2 } };
const probe: HandlerProbe = {
  handler: "crun",
  path: "/usr/bin/crun",
  version: "1.0",
  problem: undefined,
  features: { recursiveReadOnly: true, networkDevices: false },
};

/** What the API drives, kept in maps, for tests of the API's own part: no pod really runs. */
export class NodeInMemory {
  readonly pods = new Map<PodSandboxId, PodSandboxRecord>();
  readonly containerRecords = new Map<ContainerId, ContainerRecord>();
  readonly images = new ImagesInMemory();
  readonly events = new EventBus<LifecycleEvent>();
  cidrs: readonly string[] = [];
  /** Of every container's processes. */
  oomKills = 0;
  networkProblem: string | undefined;
  readonly config: Config;

  constructor(socket: string) {
    this.config = {
      root: join(tmpdir(), "root"),
      state: join(tmpdir(), "state"),
      grpc: { socket, group: "", maxMessage: 16 << 20 },
      cgroup: { driver: "cgroupfs", parent: "/berth" },
      kubelet: { cadvisor: "crio", crioSocket: `${socket}.crio` },
      image: { snapshotter: "overlay" },
      runtime: { handlers: {} },
    } as Config;
  }

  parts(log: Logger): ApiParts {
    return {
      podSandboxes: this.#podSandboxes(),
      containers: this.#containers(),
      images: this.images.images(),
      transfer: this.images.transfer(),
      upkeep: {
        verify: async function* () {},
        explain: async () => [],
        prune: async () => ({ images: [], unfinished: [], bytes: 0 }),
        diskUsage: async () => ({ images: [], layers: [], containers: [], places: [], total: 0 }),
      },
      registries: {
        walk: async function* (name) {
          yield step("result", "ok", name, { took: 1, facts: { reference: name } });
        },
        logIn: async () => ({ file: "/credentials.json", isChecked: true }),
        logOut: async () => ({ file: "/credentials.json", wasThere: false }),
      },
      events: this.events,
      streams: { urlFor: ({ kind, id }) => `http://127.0.0.1:1/${kind}/${id}`, problem: () => undefined },
      node: this.#node(),
      log,
    };
  }

  tell(kind: LifecycleEvent["kind"], podId: string, containerId = podId): void {
    this.events.publish({ kind, podId, containerId, at: nowNanos() });
  }

  #podSandboxes(): PodSandboxes {
    const find = (id: string) =>
      findByPrefix(
        "pod sandbox",
        id,
        (exact) => this.pods.get(exact as PodSandboxId),
        () => this.pods.values(),
      );
    return {
      run: async (config, runtimeHandler) => {
        const made: PodSandboxRecord = {
          id: newPodSandboxId(),
          config,
          runtimeHandler,
          handler: runtimeHandler || "crun",
          createdAt: nowNanos(),
          bootId: boot,
          cgroup: "/berth/pod",
          state: { kind: "making" },
          timeline: [],
        };
        const network = { addresses: ["10.1.0.2", "fd00::2"], interfaces: [] };
        this.pods.set(made.id, podReady(made, { network }, [{ step: "network", ms: 3 }], nowNanos()));
        this.tell("started", made.id);
        return made.id;
      },
      stop: async (id) => {
        const record = find(id);
        if (record !== undefined) this.pods.set(record.id, podStopped(record, "asked", nowNanos()));
      },
      remove: async (id) => {
        const record = find(id);
        if (record === undefined) return;
        this.pods.delete(record.id);
        this.tell("deleted", record.id);
      },
      update: async (id, resources) => {
        const record = find(id);
        if (record !== undefined) this.pods.set(record.id, { ...record, resources });
      },
      checkpoint: async () => undefined,
      restore: async () => ({ id: newPodSandboxId(), containers: [] }),
      get: (id) => {
        const record = find(id);
        if (record === undefined) throw new Fault("notFound", `there is no pod sandbox ${id}`);
        return record;
      },
      list: () => this.pods.values(),
    };
  }

  #containers(): Containers {
    const get = (id: string): ContainerRecord => {
      const record = this.containerRecords.get(id as ContainerId);
      if (record === undefined) throw new Fault("notFound", `there is no container ${id}`);
      return record;
    };
    const change = (record: ContainerRecord) => void this.containerRecords.set(record.id, record);
    return {
      create: async (podId, config) => {
        const record: ContainerRecord = {
          id: newContainerId(),
          podId: podId as PodSandboxId,
          config,
          resources: config.resources,
          imageId: config.image.image as ImageId,
          imageRef: "r.example/busybox@sha256:1",
          parent: undefined,
          snapshotter: "overlay",
          handler: "crun",
          createdAt: nowNanos(),
          bootId: boot,
          cgroup: "/berth/pod/container",
          logPath: "/nowhere/main.log",
          user: { uid: 1000, gid: 1000, supplementalGroups: [10] },
          stopSignal: "SIGTERM",
          state: { kind: "created", process },
          timeline: [],
        };
        change(record);
        this.tell("created", podId, record.id);
        return record.id;
      },
      start: async (id) => change(containerStarted(get(id), process, nowNanos(), [])),
      stop: async (id, grace) => {
        const message = `after ${grace} ms`;
        change(containerExited(get(id), { exitCode: 143, reason: "Error", message, finishedAt: nowNanos() }));
      },
      remove: async (id) => void this.containerRecords.delete(id as ContainerId),
      checkpoint: async (id) => void get(id),
      update: async (id, resources) => {
        const record = get(id);
        change({ ...record, resources: { ...record.resources, ...resources } });
      },
      execSync: async (_id, command, timeout) => ({
        exitCode: 3,
        stdout: Buffer.alloc(Number(command[0] ?? 0), "o"),
        stderr: Buffer.from(`${timeout}`),
        truncated: false,
      }),
      reopenLog: async (id) => void get(id),
      get,
      list: () => this.containerRecords.values(),
      ofPod: (pod) => this.containerRecords.values().filter(({ podId }) => podId === pod),
    };
  }

  #node(): ApiNode {
    return {
      facts: {
        version: "0.1.0",
        startedAt: 1n,
        config: this.config,
        cgroupVersion: 2,
        setAside: [{ table: "pods", id: "x", reason: "half a row" }],
        features: { supplementalGroupsPolicy: true, mountOptions: false },
      },
      cdi: new CdiDirectories([]),
      hooks: new HookDirectories([]),
      nri: noNriPlugins,
      apparmor: fakeApparmor([]),
      apparmorLabel: async () => "berth-default (enforce)",
      runtime: {
        missingPrograms: () => [],
        probes: () => [probe],
        resolveHandler: (handler) => (handler === "" ? probe : { ...probe, handler }),
        userNamespaceProblems: async () => new Map([[probe.handler, undefined]]),
        sandboxes: { status: async () => undefined },
      },
      network: {
        status: async () => this.networkProblem,
        setPodCidrs: async (cidrs) => {
          this.cidrs = cidrs;
        },
      },
      figures: figuresInMemory(() => this.oomKills),
      storage: {
        fileSystems: () => new Map(),
        databaseProblem: () => undefined,
        snapshotters: {
          usual: "overlay",
          nameFor: (handler) => (handler === "runsc" ? "native" : "overlay"),
          probes: () => [{ name: "overlay", directory: "/root/snapshots/overlay" }],
        },
        root: "/root/snapshots",
        writableLayer: (id) => `/root/snapshots/overlay/${id ?? "empty"}/diff`,
      },
      actualResources: ({ resources }) => resources,
      readBundleConfig: async () => '{"ociVersion":"1.0.0"}',
    };
  }
}
