import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { ContainerId } from "../base/ids.ts";
import type { Paths } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { openConmonRuntime } from "./conmon/open.ts";
import { containersOnDisk } from "./containers-on-disk.ts";
import type { ContainerRuntime, CreateRequest } from "./contract.ts";
import type { RuntimeHost, SnapshotsOf } from "./host.ts";
import { logProbe } from "./log-probe.ts";
import type { LostParts } from "./lost-monitor.ts";
import { resolveHandler } from "./resolve-handler.ts";
import { openShimRuntime, type ShimRuntime } from "./shim/open.ts";
import { type StartedWith, StartedWithNotes } from "./started-with.ts";
import { ExitWatch } from "./watch-exits.ts";

/**
 * Containers by conmon and OCI runtimes, and by shims where a handler has one, or one of an earlier configuration still runs.
 * Tries out every configured handler first.
 */
export async function openContainerRuntime(
  config: Pick<Config, "runtime" | "cgroup">,
  paths: Paths,
  host: RuntimeHost,
  snapshots: SnapshotsOf,
): Promise<ContainerRuntime> {
  const startedWith = new StartedWithNotes(paths);
  const byConmon = await openConmonRuntime(
    withHandlers(config, "oci"),
    { host, paths, startedWith },
    snapshots,
  );
  const place = { host, scratch: paths.scratch, cgroup: config.cgroup };
  const shims = withHandlers(config, "shim");
  const runtime = (await usesShims(config, paths))
    ? joined(byConmon, await openShimRuntime(shims, { place, paths, startedWith }, snapshots), {
        ...config.runtime,
        startedWith,
        host,
        paths,
      })
    : byConmon;
  for (const probe of runtime.probes()) logProbe(probe, host.log);
  return runtime;
}

type RuntimeConfig = Pick<Config, "runtime" | "cgroup">;

function withHandlers(config: RuntimeConfig, kind: "oci" | "shim"): RuntimeConfig {
  const handlers = Object.entries(config.runtime.handlers).filter(
    ([, { type }]) => (type === "oci") === (kind === "oci"),
  );
  return { ...config, runtime: { ...config.runtime, handlers: Object.fromEntries(handlers) } };
}

/** Whether there is a handler with a shim, or there was one, and its shims still run, or containers are there that had one. */
export async function usesShims(config: RuntimeConfig, paths: Paths): Promise<boolean> {
  if (Object.values(config.runtime.handlers).some(({ type }) => type !== "oci")) return true;
  if ((await readdir(paths.shims).catch(() => [])).length > 0) return true;
  return (await containersOnDisk(paths)).some((id) => existsSync(paths.container(id).shimFile));
}

/** Each container is its own monitor's: by its handler when it is created, from then on by what was noted then. */
function joined(
  byConmon: ContainerRuntime,
  byShim: ShimRuntime,
  {
    default: defaultName,
    handlers,
    startedWith,
    host,
    paths,
  }: Config["runtime"] & LostParts & { readonly startedWith: StartedWithNotes },
): ContainerRuntime {
  const named = new Set(byShim.probes().map(({ handler }) => handler));
  const ofHandler = (handler: string) => (named.has(handler) ? byShim : byConmon);
  const noted = (found: StartedWith | undefined) => found && (found.monitor === "shim" ? byShim : byConmon);
  const of = (id: ContainerId, handler = "") =>
    noted(startedWith.of(id)) ?? (byShim.has(id) ? byShim : ofHandler(handler));
  const forNew = ({ pod, handler }: Pick<CreateRequest, "handler" | "pod">) =>
    noted(startedWith.ofPod(pod)) ?? ofHandler(handler);
  const probes = () =>
    Object.keys(handlers).flatMap((name) =>
      ofHandler(name)
        .probes()
        .filter(({ handler }) => handler === name),
    );
  return {
    ...byConmon,
    probes,
    async retry() {
      await byConmon.retry();
      await byShim.retry();
    },
    missingPrograms: (handler) => ofHandler(handler).missingPrograms(handler),
    resolveHandler: (name) => resolveHandler(name, defaultName, probes()),
    userNamespaceProblems: async () =>
      new Map([...(await byConmon.userNamespaceProblems()), ...(await byShim.userNamespaceProblems())]),
    prepare: (request) => forNew(request).prepare(request),
    endPrepared: (pod, handler, signal) => forNew({ pod, handler }).endPrepared(pod, handler, signal),
    create: (request, signal) => forNew(request).create(request, signal),
    start: (id, handler, signal) => of(id, handler).start(id, handler, signal),
    checkpointProblem(container) {
      const { id, handler } = container;
      return (id === undefined ? forNew(container) : of(id, handler)).checkpointProblem(container);
    },
    checkpoint: (request) => of(request.id, request.handler).checkpoint(request),
    monitored: (id) => of(id).monitored(id),
    kill: (id, handler, name, all, signal) => of(id, handler).kill(id, handler, name, all, signal),
    ended: (id, signal) => of(id).ended(id, signal),
    forgetEnded: (id, handler, signal) => of(id, handler).forgetEnded(id, handler, signal),
    delete: (id, handler, signal) => of(id, handler).delete(id, handler, signal),
    update: (id, handler, resources, signal) => of(id, handler).update(id, handler, resources, signal),
    sandboxes: byShim.sandboxes,
    isOnHost: (id, handler) => of(id, handler).isOnHost(id, handler),
    connectInSandbox: (id, handler, port, signal) =>
      of(id, handler).connectInSandbox(id, handler, port, signal),
    takesMounts: (request) => forNew(request).takesMounts(request),
    metrics: (id, handler, signal) => of(id, handler).metrics(id, handler, signal),
    execSync: (request, signal) => of(request.id, request.handler).execSync(request, signal),
    execStream: (request, signal) => of(request.id, request.handler).execStream(request, signal),
    attach: (request, signal) => of(request.id).attach(request, signal),
    reopenLog: (id, signal) => of(id).reopenLog(id, signal),
    state: (id, handler, signal) => of(id, handler).state(id, handler, signal),
    watchExits(running, exited) {
      const beforeKill = async (id: ContainerId) => (byShim.has(id) ? byShim.lost(id) : undefined);
      return new ExitWatch({ host, paths, beforeKill }, running, exited);
    },
    traces: async () => [...new Set([...(await byConmon.traces()), ...(await byShim.traces())])],
  };
}
