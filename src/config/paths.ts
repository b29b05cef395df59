import { join } from "node:path";
import type { ContainerId, PodSandboxId } from "../base/ids.ts";
import type { Config } from "./schema.ts";

/** Where everything lies that berth keeps on the host. The only place that knows these names. */
export interface Paths {
  readonly database: string;
  readonly content: string;
  readonly snapshots: string;
  /** What checkpoints and restores in work need, a directory for each container. */
  readonly checkpoints: string;
  /** Cached CNI results and the lease sweep's notes; must survive a reboot. */
  readonly cni: string;
  /** Network namespaces of pods that are gone while their plugins are still to be asked to detach them. */
  readonly keptNetns: string;
  readonly lock: string;
  readonly socket: string;
  readonly pods: string;
  readonly containers: string;
  /** conmon writes `<container id>` here, holding the exit code, when a container exits. */
  readonly exits: string;
  /** Where layers are mounted for as long as they are compared. */
  readonly checks: string;
  /** Where seccomp filters are handed over that leave calls to the daemon. */
  readonly seccompSocket: string;
  /** The AppArmor profile that berth makes. */
  readonly apparmor: string;
  /** What processors were like that containers have for themselves: a file for each container. */
  readonly processors: string;
  /** There while NRI plugins run that the daemon has launched; and after a daemon that was killed. */
  readonly launchedPlugins: string;
  /** What runtimes need for a moment; emptied at a start. */
  readonly scratch: string;
  pod(id: PodSandboxId): PodPaths;
  container(id: ContainerId): ContainerPaths;
  checkpoint(id: ContainerId): CheckpointPaths;
  /** One directory a handler: `runtimeRoot`. */
  readonly runtimes: string;
  /** The OCI runtime's own `--root`. */
  runtimeRoot(handler: string): string;
  /** A directory for each shim, `<group>`: that of the pod whose containers it runs. */
  readonly shims: string;
  shim(group: string): ShimPaths;
  /** Where shims are told to put their sockets. A short name: a socket's path has 108 bytes, of which 65 are theirs. */
  readonly shimSockets: string;
  /** Where shims tell what happens (ttrpc): beside the CRI's socket, under the name that shims and their helpers expect. */
  readonly shimEvents: string;
}

export interface ShimPaths {
  /** Its working directory. */
  readonly directory: string;
  /** How to reach it. */
  readonly record: string;
  /** The FIFO that it logs to. */
  readonly log: string;
  /** A file for each container that it has, or is to have. */
  readonly containers: string;
}

export interface PodPaths {
  readonly directory: string;
  /** Pinned namespaces: `net`, `ipc`, `uts`, `user`, `pid` lie below it. */
  readonly namespaces: string;
  readonly shm: string;
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

export interface ContainerPaths {
  /** The OCI bundle: config.json, and what the monitor leaves. */
  readonly bundle: string;
  readonly rootfs: string;
  /** Where images are mounted that the container has as volumes. */
  readonly volumes: string;
  /** What is bound for a moment with the ids of the pod's user namespace. */
  readonly mapped: string;
  readonly pidFile: string;
  readonly monitorPidFile: string;
  readonly exitFile: string;
  /** conmon writes `oom` here when the kernel killed a process of the container for memory. */
  readonly oomFile: string;
  /** Of a container under a shim: which one that is. */
  readonly shimFile: string;
  /** What it was started with. */
  readonly handlerFile: string;
  /** Of a container under a shim: what the keeper of its output has there. */
  readonly keeper: string;
}

/** What a checkpoint in work, or one that is to be restored, has on disk. */
export interface CheckpointPaths {
  readonly directory: string;
  /** CRIU's images. */
  readonly images: string;
  /** CRIU's log and figures, and what goes into the archive besides. */
  readonly work: string;
}

export function pathsOf(config: Pick<Config, "root" | "state" | "grpc">): Paths {
  const { root, state } = config;
  const pods = join(state, "pods");
  const containers = join(state, "containers");
  const checkpoints = join(root, "checkpoints");
  const exits = join(state, "exits");
  const shims = join(state, "shims");
  const runtimes = join(state, "runtime");
  return {
    database: join(root, "berth.db"),
    content: join(root, "content"),
    snapshots: join(root, "snapshots"),
    checkpoints,
    cni: join(root, "cni"),
    keptNetns: join(state, "netns"),
    lock: join(state, "berth.lock"),
    socket: config.grpc.socket,
    pods,
    containers,
    exits,
    checks: join(state, "checks"),
    seccompSocket: join(state, "seccomp.sock"),
    apparmor: join(state, "apparmor"),
    processors: join(state, "processors"),
    launchedPlugins: join(state, "launched-plugins"),
    scratch: join(state, "scratch"),
    pod(id) {
      const directory = join(pods, id);
      return {
        directory,
        namespaces: join(directory, "ns"),
        shm: join(directory, "shm"),
        hostname: join(directory, "hostname"),
        hosts: join(directory, "hosts"),
        resolvConf: join(directory, "resolv.conf"),
      };
    },
    container(id) {
      const bundle = join(containers, id);
      return {
        bundle,
        rootfs: join(bundle, "rootfs"),
        volumes: join(bundle, "volumes"),
        mapped: join(bundle, "mapped"),
        pidFile: join(bundle, "pid"),
        monitorPidFile: join(bundle, "conmon.pid"),
        exitFile: join(exits, id),
        oomFile: join(bundle, "oom"),
        shimFile: join(bundle, "shim.json"),
        handlerFile: join(bundle, "handler.json"),
        keeper: join(bundle, "keeper"),
      };
    },
    checkpoint(id) {
      const directory = join(checkpoints, id);
      return { directory, images: join(directory, "checkpoint"), work: join(directory, "work") };
    },
    runtimes,
    runtimeRoot: (handler) => join(runtimes, handler),
    shims,
    shim(group) {
      const directory = join(shims, group);
      return {
        directory,
        record: join(directory, "shim.json"),
        log: join(directory, "log"),
        containers: join(directory, "containers"),
      };
    },
    shimSockets: join(state, "s"),
    shimEvents: `${config.grpc.socket}.ttrpc`,
  };
}
