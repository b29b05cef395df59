import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestDaemon } from "../harness/daemon.ts";
import { nodeName, type Pod } from "./pods.ts";

/** What a run of the kubelet wants different, by the names of KubeletConfiguration. */
export interface KubeletOptions {
  readonly program: string;
  /** What is given as containerRuntimeEndpoint, a path. */
  readonly endpoint: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** URL of an API server; without one, it has static pods only. */
  readonly apiServer?: string;
}

/** What a kubelet sets in the kernel when it starts, and how: it finds it done. */
const kernelSettings = { "vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1" };

/** As much of a container's status as is looked at. */
export interface SeenContainer {
  readonly name: string;
  readonly containerID?: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state: {
    readonly running?: { readonly startedAt: string };
    readonly waiting?: { readonly reason: string };
    readonly terminated?: Terminated;
  };
  readonly lastState: { readonly terminated?: Terminated };
}

interface Terminated {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** As much of a pod as is looked at. */
export interface SeenPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly message?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly SeenContainer[];
    readonly containerStatuses?: readonly SeenContainer[];
  };
}

/**
 * A real kubelet without an API server, with directories, ports and a cgroup of its own, beside a daemon in the same private
 * mount namespace. What it would change of the machine is covered there.
 */
export class Kubelet {
  readonly directory: string;
  readonly manifests: string;
  readonly logFile: string;
  readonly #daemon: TestDaemon;
  readonly #agent = new Agent({ rejectUnauthorized: false, keepAlive: true });
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
    this.directory = join(daemon.workspace.directory, "kubelet");
    this.manifests = join(this.directory, "manifests");
    this.logFile = join(this.directory, "kubelet.log");
  }

  /** Where the kubelet makes the groups of its pods. */
  get #cgroup(): string {
    return this.#daemon.workspace.cgroupParent;
  }

  /** Covers what the kubelet would change, makes its directories and its cgroup. Once, before the first start. */
  async prepare(): Promise<void> {
    mkdirSync(this.manifests, { recursive: true });
    const lines = Object.entries(kernelSettings).map(([name, value]) => {
      const file = join(this.directory, name.replace("/", "."));
      return `echo ${value} >${file} && mount --bind ${file} /proc/sys/${name}`;
    });
    const groups = `for h in /sys/fs/cgroup/*/; do mkdir -p $h${this.#cgroup}; done
      for f in cpuset.cpus cpuset.mems; do
        cat /sys/fs/cgroup/cpuset/$f >/sys/fs/cgroup/cpuset${this.#cgroup}/$f || true
      done`;
    // Links to logs go to a fixed place.
    const script = [...lines, "mount -t tmpfs tmpfs /var/log", groups].join("\n");
    const made = await this.#daemon.inside("sh", "-ec", script);
    if (made.code !== 0) throw new Error(`preparing the kubelet's surroundings: ${made.stderr}`);
  }

  /** Starts it and waits until it says that it is well. */
  async start({ program, endpoint, settings = {}, apiServer }: KubeletOptions): Promise<void> {
    this.#port = 20_000 + Math.floor(Math.random() * 10_000);
    const file = join(this.directory, "config.json");
    writeFileSync(file, JSON.stringify({ ...this.#configuration(endpoint), ...settings }, undefined, 2));
    const [command = "", ...args] = this.#daemon.within([
      program,
      `--config=${file}`,
      `--root-dir=${join(this.directory, "root")}`,
      `--cert-dir=${join(this.directory, "pki")}`,
      `--hostname-override=${nodeName}`,
      ...(apiServer === undefined ? [] : [`--kubeconfig=${this.#kubeconfig(apiServer)}`]),
      "--v=2",
    ]);
    const log = openSync(this.logFile, "a");
    const child = spawn(command, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    for (const until = Date.now() + 60_000; ; ) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the kubelet ended: ${this.logTail()}`);
      if ((await this.get("/healthz").catch(() => "")) === "ok") return;
      if (Date.now() > until) throw new Error(`the kubelet does not get well: ${this.logTail()}`);
      await sleep(200);
    }
  }

  /** @returns its path */
  #kubeconfig(server: string): string {
    const file = join(this.directory, "kubeconfig.json");
    const named = { name: "test" };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ ...named, cluster: { server } }],
      users: [{ ...named, user: {} }],
      contexts: [{ ...named, context: { cluster: "test", user: "test" } }],
      "current-context": "test",
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  #configuration(endpoint: string): Record<string, unknown> {
    const { workspace } = this.#daemon;
    return {
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      containerRuntimeEndpoint: `unix://${endpoint}`,
      staticPodPath: this.manifests,
      podLogsDir: workspace.logs,
      volumePluginDir: join(this.directory, "volume-plugins"),
      failCgroupV1: false,
      failSwapOn: false,
      cgroupDriver: "cgroupfs",
      cgroupRoot: this.#cgroup,
      enforceNodeAllocatable: ["none"],
      address: "127.0.0.1",
      port: this.#port,
      healthzPort: 0,
      readOnlyPort: 0,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: "AlwaysAllow" },
      contentType: "application/json",
      makeIPTablesUtilChains: false,
      fileCheckFrequency: "2s",
      syncFrequency: "10s",
      maxOpenFiles: 16_384,
      clusterDomain: "cluster.test",
    };
  }

  /** SIGTERM, as an init system would. Its pods run on. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(late);
    }
    this.#child = undefined;
    this.#agent.destroy();
  }

  /** Takes away the groups that it keeps between pods. One that still holds a pod's stays. */
  async removeGroups(): Promise<void> {
    const kept = ["kubepods/burstable", "kubepods/besteffort", "kubepods"].map(
      (name) => `${this.#cgroup}/${name}`,
    );
    await this.#daemon.inside("sh", "-c", `for g in ${kept.join(" ")}; do rmdir /sys/fs/cgroup/*$g; done`);
  }

  /** Ends it and takes away what it mounted; its directories go with the workspace. */
  async close(): Promise<void> {
    await this.stop();
    const mine = `awk '$5 ~ "^${this.directory}/" { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l`;
    await this.#daemon.inside("sh", "-c", mine);
  }

  /** Gives it a static pod, or takes one away. */
  put(pod: Pod): void {
    // Renamed into place: it must not read half of it.
    const file = join(this.directory, "pod.json");
    writeFileSync(file, JSON.stringify(pod));
    renameSync(file, this.#manifest(pod.metadata.name));
  }

  drop(name: string): void {
    rmSync(this.#manifest(name), { force: true });
  }

  #manifest(name: string): string {
    return join(this.manifests, `${name}.json`);
  }

  /** The pod as the kubelet sees it. @throws {Error} while it has none of that name */
  async pod(name: string): Promise<SeenPod> {
    const { items } = JSON.parse(await this.get("/pods")) as { items: SeenPod[] };
    const found = items.find(({ metadata }) => [name, `${name}-${nodeName}`].includes(metadata.name));
    if (found === undefined) throw new Error(`the kubelet has no pod ${name}`);
    return found;
  }

  /** What a command in a container says, by the kubelet. */
  async run(pod: string, container: string, ...command: readonly string[]): Promise<string> {
    const { metadata } = await this.pod(pod);
    const query = new URLSearchParams({ cmd: command.join(" ") });
    return this.#ask("POST", `/run/default/${metadata.name}/${container}?${query}`);
  }

  /** One of its pages. */
  get(path: string): Promise<string> {
    return this.#ask("GET", path);
  }

  #ask(method: string, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        method,
        host: "127.0.0.1",
        port: this.#port,
        path,
        agent: this.#agent,
        timeout: 20_000,
      };
      request(options, async (response) => {
        try {
          const text = Buffer.concat(await response.toArray()).toString();
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`${path}: ${response.statusCode} ${text}`));
        } catch (error) {
          reject(error);
        }
      })
        .on("error", reject)
        .end();
    });
  }

  log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  logTail(lines = 20): string {
    return this.log().split("\n").slice(-lines).join("\n");
  }
}
