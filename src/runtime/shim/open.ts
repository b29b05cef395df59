import { existsSync } from "node:fs";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Paths } from "../../config/paths.ts";
import type { Config } from "../../config/schema.ts";
import { programPath } from "../../linux/program-path.ts";
import { checkpointProblem } from "../conmon/criu.ts";
import { Handlers } from "../conmon/handlers.ts";
import { reopenLog } from "../conmon/reopen-log.ts";
import type { TrialPlace } from "../conmon/trial.ts";
import { UntestedHandlers } from "../conmon/untested-handlers.ts";
import { UserNamespaceTrials } from "../conmon/user-namespace-trials.ts";
import { containersOnDisk } from "../containers-on-disk.ts";
import type { ContainerRuntime } from "../contract.ts";
import { ExecTemplates } from "../exec-templates.ts";
import type { SnapshotsOf } from "../host.ts";
import type { StartedWithNotes } from "../started-with.ts";
import { attachByShim } from "./attach.ts";
import { checkpointByShim } from "./checkpoint.ts";
import { createByShim } from "./create.ts";
import { deleteByShim } from "./delete.ts";
import { forgetEnded } from "./ending.ts";
import { execByShim } from "./exec.ts";
import { execStreamByShim } from "./exec-stream.ts";
import { ShimExits } from "./exits.ts";
import { isOnHost } from "./handler.ts";
import { handlerFor, handlerOf, noteUnnoted } from "./handler-of.ts";
import { endLeftCommands } from "./left-commands.ts";
import { LostSandboxes } from "./lost-sandboxes.ts";
import { readMarker } from "./marker.ts";
import { metricsByShim } from "./metrics.ts";
import { monitoredByShim } from "./monitored.ts";
import { type OpenedShimHandler, openShimHandler, probeOfShim } from "./open-handler.ts";
import type { ShimParts } from "./parts.ts";
import { prepareShim } from "./prepare.ts";
import { endSandbox } from "./sandbox/end.ts";
import { startSandbox } from "./sandbox/start.ts";
import { sandboxMetrics, sandboxStatus } from "./sandbox/told.ts";
import { SandboxTrials } from "./sandbox/trial.ts";
import { SandboxWatch } from "./sandbox/watch.ts";
import { Shims } from "./shims.ts";
import { killByShim, startByShim, stateByShim, updateByShim } from "./task-calls.ts";
import { isUnderShim, shimTraces } from "./traces.ts";

/** How long shims may take to start and say whether they can make sandboxes. */
const trialDeadline: Ms = 15_000;
/** How long shims that an earlier daemon started may take to answer. */
const reconnectDeadline: Ms = 15_000;

/** What is asked of a runtime by conmon, and answered by shims in another way. The rest is the same, whoever is the monitor. */
export type ShimRuntime = Pick<
  ContainerRuntime,
  | "probes"
  | "retry"
  | "missingPrograms"
  | "userNamespaceProblems"
  | "prepare"
  | "endPrepared"
  | "create"
  | "start"
  | "checkpointProblem"
  | "checkpoint"
  | "monitored"
  | "kill"
  | "ended"
  | "forgetEnded"
  | "delete"
  | "update"
  | "sandboxes"
  | "isOnHost"
  | "takesMounts"
  | "connectInSandbox"
  | "metrics"
  | "execSync"
  | "execStream"
  | "attach"
  | "reopenLog"
  | "state"
  | "traces"
> & {
  /** True for a container that is, or was to be, under a shim. */
  has(id: ContainerId): boolean;
  /** Its shim is gone: settles when what that left may be killed. Never throws. */
  lost(id: ContainerId): Promise<void>;
};

/** Containers by containerd's shims. Connects to those that an earlier daemon started. */
export async function openShimRuntime(
  config: Pick<Config, "runtime" | "cgroup">,
  { place, paths, startedWith }: { place: TrialPlace; paths: Paths; startedWith: StartedWithNotes },
  snapshots: SnapshotsOf,
): Promise<ShimRuntime> {
  const { host } = place;
  const { conmon, path } = config.runtime;
  const names = Object.keys(config.runtime.handlers);
  const opened = await Promise.all(names.map((name) => openShimHandler(name, config, { place, paths })));
  const handlers = new Map(opened.map(({ shim }) => [shim.name, shim]));
  const exits = new ShimExits(
    { host, paths, handlers, startedWith },
    {
      ended: (id, shim) => forgetEnded(id, shim, { shims, paths }),
      lost: ({ group }) => lostSandboxes.takeDown(group),
    },
  );
  const sandboxWatch = new SandboxWatch({ host, paths });
  const shims: Shims = new Shims(host, paths, {
    connected(shim, containers) {
      for (const id of containers) {
        const marker = readMarker(id, paths);
        if (marker?.init === undefined) continue; // it is being created, and watched once it is
        if (marker.isSandbox === true) sandboxWatch.watch(id, shim, true);
        else exits.watch(id, shim);
      }
    },
  });
  const lostSandboxes = new LostSandboxes({ host, paths, shims, handlers, startedWith });
  const parts: ShimParts = {
    host,
    paths,
    handlers,
    startedWith,
    shims,
    exits,
    sandboxWatch,
    lostSandboxes,
    execTemplates: new ExecTemplates(paths),
    conmon: (await programPath(conmon, path)) ?? conmon,
    monitorCpus: config.runtime.monitorCpus,
    path,
  };
  const signal = AbortSignal.timeout(reconnectDeadline);
  for (const id of await containersOnDisk(paths)) noteUnnoted(id, parts);
  await shims.reconnect(signal);
  await endLeftCommands(parts, signal);
  const sandboxing = opened.filter(
    ({ probe, missing }) => probe.sandboxer === "shim" && missing === undefined,
  );
  const trials = new SandboxTrials(
    sandboxing.map(({ shim }) => shim),
    shims,
  );
  await trials.run(AbortSignal.timeout(trialDeadline));
  return { ...operations(parts), ...findings(opened, parts, { place, snapshots, trials }) };
}

function operations(parts: ShimParts): Omit<ShimRuntime, keyof ReturnType<typeof findings>> {
  const { paths, exits, shims, lostSandboxes } = parts;
  return {
    has: (id) => isUnderShim(id, parts),
    async lost(id) {
      await exits.notedIfHeld(id);
      const group = readMarker(id, paths)?.group;
      if (group !== undefined) await lostSandboxes.takeDown(group);
    },
    prepare: (request) => prepareShim(request, parts),
    endPrepared: (pod, _handler, signal) => shims.endUnused(pod, signal),
    create: (request, signal) => createByShim(request, parts, signal),
    start: (id, _handler, signal) => startByShim(id, parts, signal),
    async checkpointProblem({ id, pod, handler: name }) {
      const handler = id === undefined ? handlerFor(pod, name, parts) : handlerOf(id, parts, name);
      if (isOnHost(handler)) return await checkpointProblem(handler.runtime, parts.host);
      return `runtime handler "${name}" has a shim that berth makes no checkpoints with`;
    },
    checkpoint: (request) => checkpointByShim(request, parts),
    monitored: (id) => monitoredByShim(id, paths),
    kill: (id, _handler, signalName, all, signal) => killByShim({ id, signalName, all }, parts, signal),
    ended: (id, signal) => exits.ended(id, signal),
    forgetEnded: async () => undefined, // a shim was told to as it told of the end
    delete(id, handler, signal) {
      parts.execTemplates.forget(id);
      const isSandbox = readMarker(id, paths)?.isSandbox === true;
      return (isSandbox ? endSandbox : deleteByShim)(id, handler, parts, signal);
    },
    update: (id, _handler, resources, signal) => updateByShim(id, resources, parts, signal),
    sandboxes: {
      start: (request, signal) => startSandbox(request, parts, signal),
      status: (id, signal) => sandboxStatus(id, parts, signal),
      metrics: (id, signal) => sandboxMetrics(id, parts, signal),
    },
    isOnHost: (id, handler) => isOnHost(handlerOf(id, parts, handler)),
    connectInSandbox: async () => undefined, // shims have no call for it
    takesMounts: ({ pod, handler }) => !isOnHost(handlerFor(pod, handler, parts)),
    metrics: (id, _handler, signal) => metricsByShim(id, parts, signal),
    execSync: (request, signal) => execByShim(request, parts, signal),
    execStream: (request, signal) => execStreamByShim(request, parts, signal),
    attach: (request, signal) => attachByShim(request, parts, signal),
    reopenLog: (id, signal) => reopenLog(id, paths, signal),
    state: (id, _handler, signal) => stateByShim(id, parts, signal),
    traces: () => shimTraces(parts),
  };
}

/** What handlers can do here. */
function findings(
  opened: readonly OpenedShimHandler[],
  { handlers, conmon }: ShimParts,
  { place, snapshots, trials }: { place: TrialPlace; snapshots: SnapshotsOf; trials: SandboxTrials },
): Pick<ShimRuntime, "probes" | "retry" | "missingPrograms" | "userNamespaceProblems"> {
  const tried = opened.flatMap(({ shim: { runtime: handler }, probe }) =>
    handler === undefined ? [] : [{ handler, probe }],
  );
  const runtimes = new Handlers(tried, "");
  const untested = new UntestedHandlers(tried, place);
  const users = new UserNamespaceTrials(runtimes, snapshots, place);
  return {
    probes: () =>
      opened.map(({ shim, probe, missing }) => {
        const why = missing ?? trials.problemOf(shim.name);
        return shim.runtime === undefined
          ? { ...probe, problem: why }
          : probeOfShim(shim, runtimes.probe(shim.name), why);
      }),
    async retry() {
      await trials.run(AbortSignal.timeout(trialDeadline));
      if (await untested.retry(runtimes)) users.forget();
    },
    missingPrograms(name) {
      const shim = handlers.get(name);
      const needed = [conmon, shim?.program, shim?.runtime?.path];
      return needed.filter((path) => path !== undefined).filter((path) => !existsSync(path));
    },
    async userNamespaceProblems() {
      const found = await users.problems();
      return new Map(
        opened.map(({ shim: { name, type, runtime } }) => [
          name,
          runtime === undefined ? `${type}: it is not known whether this shim can` : found.get(name),
        ]),
      );
    },
  };
}
