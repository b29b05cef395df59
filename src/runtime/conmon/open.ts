import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { describeFault, Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { Config } from "../../config/schema.ts";
import { programPath } from "../../linux/program-path.ts";
import { cgroupOfBundle, readBundle } from "../bundle.ts";
import { containersOnDisk } from "../containers-on-disk.ts";
import type { ContainerRuntime } from "../contract.ts";
import { sweepExecs } from "../exec-cgroup.ts";
import { ExecTemplates } from "../exec-templates.ts";
import { alive, exitOf, recordedExit } from "../exits.ts";
import type { SnapshotsOf } from "../host.ts";
import { ExitWatch } from "../watch-exits.ts";
import { attach } from "./attach.ts";
import { checkpoint, checkpointEnded } from "./checkpoint.ts";
import { connectInSandbox } from "./connect-in-sandbox.ts";
import { createContainer, monitoredContainer } from "./create.ts";
import { checkpointProblem } from "./criu.ts";
import { deleteContainer, forgetEnded } from "./delete.ts";
import { execSync } from "./exec.ts";
import { execStream } from "./exec-stream.ts";
import { handlerFor, handlerOf, keptHandler } from "./handler-of.ts";
import { Handlers } from "./handlers.ts";
import { kill } from "./kill.ts";
import { endLeftInSandbox } from "./left-in-sandbox.ts";
import { noteUnnoted } from "./note-unnoted.ts";
import { takeBackNullDevice } from "./null-device.ts";
import { openHandler } from "./open-handler.ts";
import type { ConmonParts } from "./parts.ts";
import { reopenLog } from "./reopen-log.ts";
import { start, state, update } from "./runtime-calls.ts";
import { metricsInSandbox } from "./sandbox-metrics.ts";
import { emptyScratch } from "./scratch.ts";
import { traces } from "./traces.ts";
import { UntestedHandlers } from "./untested-handlers.ts";
import { UserNamespaceTrials } from "./user-namespace-trials.ts";

/** How long ending the commands that an earlier daemon left may take. */
const sweepDeadline: Ms = 20_000;

/**
 * Containers by conmon and OCI runtimes. Tries out every configured handler first, and ends the commands (ExecSync) that
 * an earlier daemon was killed in. For the main thread: it waits for processes that runtimes leave behind.
 */
export async function openConmonRuntime(
  config: Pick<Config, "runtime" | "cgroup">,
  { host, paths, startedWith }: Pick<ConmonParts, "host" | "paths" | "startedWith">,
  snapshots: SnapshotsOf,
): Promise<ContainerRuntime> {
  const { conmon, path } = config.runtime;
  await mkdir(paths.exits, { recursive: true, mode: 0o700 });
  const program = await programPath(conmon, path);
  const missing = program === undefined ? `there is no ${conmon} (install the package conmon)` : undefined;
  const names = Object.keys(config.runtime.handlers);
  await emptyScratch(paths.scratch, host.mounts);
  takeBackNullDevice(host);
  const place = { host, scratch: paths.scratch, cgroup: config.cgroup };
  const opened = await Promise.all(
    names.map(async (name) => {
      const { handler, probe } = await openHandler({ name, root: paths.runtimeRoot(name) }, config, place);
      return { handler, probe: { ...probe, problem: missing ?? probe.problem } };
    }),
  );
  const parts: ConmonParts = {
    host,
    paths,
    handlers: new Handlers(opened, config.runtime.default),
    startedWith,
    execTemplates: new ExecTemplates(paths),
    conmon: program ?? conmon,
    monitorCpus: config.runtime.monitorCpus,
  };
  const ids = await containersOnDisk(paths);
  for (const id of ids) noteUnnoted(id, parts);
  await endLeftExecs(ids, parts);
  const untested = new UntestedHandlers(opened, place);
  const users = new UserNamespaceTrials(parts.handlers, snapshots, place);
  const retry = async () => {
    if (await untested.retry(parts.handlers)) users.forget();
  };
  return { ...operations(parts), userNamespaceProblems: () => users.problems(), retry };
}

function operations(parts: ConmonParts): Omit<ContainerRuntime, "userNamespaceProblems" | "retry"> {
  const { host, paths, handlers } = parts;
  return {
    probes: () => handlers.probes,
    missingPrograms: (handler) =>
      [parts.conmon, handlers.get(handler).path].filter((path) => !existsSync(path)),
    resolveHandler: (name) => handlers.resolve(name),
    prepare: () => undefined, // each container has a monitor of its own
    endPrepared: async () => undefined,
    create: (request, signal) => createContainer(request, parts, signal),
    configOf: (id) => readBundle(paths.container(id).bundle),
    start(id, handler, signal) {
      const { bundle } = paths.container(id);
      return start({ id, bundle }, handlerOf(id, handler, parts), host, signal);
    },
    async checkpointProblem({ id, ...made }) {
      const handler = id === undefined ? handlerFor(made, parts) : handlerOf(id, made.handler, parts);
      return await checkpointProblem(handler, host);
    },
    checkpoint: (request) => checkpoint(request, handlerOf(request.id, request.handler, parts), host),
    checkpointEnded: (id, signal) => checkpointEnded(id, signal),
    monitored: (id) => monitoredContainer(id, parts),
    kill: (id, handler, signalName, all, signal) =>
      kill({ id, signalName, all }, handlerOf(id, handler, parts), parts, signal),
    ended: async () => undefined, // a conmon deletes nothing
    forgetEnded: (id, handler, signal) => forgetEnded(id, handler, parts, signal),
    delete(id, handler, signal) {
      parts.execTemplates.forget(id);
      return deleteContainer(id, handler, parts, signal);
    },
    update(id, handler, resources, signal) {
      const cgroup = cgroupOfBundle(paths.container(id).bundle);
      return update({ id, resources, cgroup }, handlerOf(id, handler, parts), host, signal);
    },
    sandboxes: noSandboxes,
    isOnHost: (id, handler) => (keptHandler(id, parts) ?? handlers.find(handler))?.kind !== "runsc",
    takesMounts: () => false,
    async connectInSandbox(id, name, port, signal) {
      const handler = handlerOf(id, name, parts);
      return handler.kind === "runsc"
        ? await connectInSandbox({ id, port }, handler, parts, signal)
        : undefined;
    },
    async metrics(id, name, signal) {
      const handler = handlerOf(id, name, parts);
      return handler.kind === "runsc" ? await metricsInSandbox(id, handler, host, signal) : undefined;
    },
    execSync: (request, signal) => execSync(request, parts, signal),
    execStream: (request, signal) => execStream(request, parts, signal),
    attach: async (request) => attach(request, parts),
    reopenLog: (id, signal) => reopenLog(id, paths, signal),
    state: (id, handler, signal) => state(id, handlerOf(id, handler, parts), host, signal),
    recordedExit: (id) => recordedExit(id, paths, host.cgroups),
    alive,
    exitOf: (id, container) => exitOf(id, container, paths, host.cgroups),
    watchExits: (running, exited) => new ExitWatch(parts, running, exited),
    traces: () => traces(parts),
  };
}

/** No shim is configured, and none runs. */
const noSandboxes: ContainerRuntime["sandboxes"] = {
  start({ handler }) {
    throw new Fault("wrongState", `runtime handler "${handler}" has no shim that could make a sandbox`);
  },
  status: async () => undefined,
  metrics: async () => undefined,
};

/** Nobody waits any more for the commands that were running when an earlier daemon was killed. */
async function endLeftExecs(ids: readonly ContainerId[], parts: ConmonParts): Promise<void> {
  const { host, paths } = parts;
  const signal = AbortSignal.timeout(sweepDeadline);
  for (const id of ids) {
    const cgroup = cgroupOfBundle(paths.container(id).bundle);
    if (cgroup === undefined) continue;
    await Promise.all([sweepExecs(cgroup, host.cgroups, signal), endLeftInSandbox(id, parts, signal)]).catch(
      (error: unknown) => {
        const err = describeFault(error);
        host.log.error({ container: id, err }, "a command that an earlier daemon left could not be ended");
      },
    );
  }
}
