import { describeFault, during, Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import { tallyOutside } from "../base/outside-time.ts";
import { type StepTime, stepTime } from "../base/steps.ts";
import { type Ms, nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { MonitoredContainer } from "../runtime/contract.ts";
import { removeCheckpoint } from "./checkpoint/remove-checkpoint.ts";
import { withFailedHook } from "./failed-hook.ts";
import { restoreMonitored } from "./monitor.ts";
import { tellPlugins, tellStopped } from "./nri/tell.ts";
import type { ContainerHost, ContainerParts } from "./parts.ts";
import type { ContainerPod } from "./pod.ts";
import { releaseEnded } from "./processors/step.ts";
import { type ContainerRecord, containerExited, containerStarted } from "./state.ts";

/** The exit code of a container whose process could not be started, as other runtimes report it. */
const START_ERROR_CODE = 128;

/** Starts a created container. A repeat joins; starting what runs succeeds. */
export function startContainer(record: ContainerRecord, parts: ContainerParts): Promise<void> {
  const { book, host } = parts;
  return book.starts.join(record.id, record.id, host.config.deadline.startContainer, async (signal) => {
    using _container = await book.locks.hold(record.id, signal);
    await startHeld(record.id, parts, signal);
  });
}

async function startHeld(id: ContainerId, parts: ContainerParts, signal: AbortSignal): Promise<void> {
  const { book, host } = parts;
  const record = book.records.get(id);
  if (record === undefined) throw new Fault("notFound", `container ${id} was removed`);
  const { state } = record;
  if (state.kind === "running") return;
  if (state.kind !== "created" && state.kind !== "checkpointed")
    throw new Fault("wrongState", `container ${id} can't be started: it is ${state.kind}`);
  const pod = parts.pods.get(record.podId);
  if (pod.refuses !== undefined) {
    throw new Fault("wrongState", `container ${id} can't be started: its pod ${pod.id} ${pod.refuses}`);
  }
  const began = performance.now();
  await book.faults.at("StartContainer/start/before");
  let outside: Ms;
  let process: MonitoredContainer;
  try {
    const told = await tallyOutside(() => tellPlugins("startContainer", record, parts, signal));
    if (state.kind === "created") {
      process = state.process;
      outside = await tallyOutside(() => host.runtime.start(id, record.handler, signal));
    } else {
      [process, outside] = await restore(record, pod, host, signal);
    }
    outside += told;
  } catch (cause) {
    const error = await withFailedHook(cause, host.runtime.configOf(id), host.paths.container(id).bundle);
    await recordStartError(record, error, parts);
    throw during(`starting container ${record.config.metadata.name} (${id})`, error);
  }
  await book.faults.at("StartContainer/start/after");
  const step = state.kind === "created" ? "start" : "restore";
  const started = await recordStarted(record, process, [stepTime(step, began, outside)], parts);
  await tellPlugins("postStartContainer", started, parts, signal);
}

async function restore(
  record: ContainerRecord,
  pod: ContainerPod,
  host: ContainerHost,
  signal: AbortSignal,
): Promise<[MonitoredContainer, Ms]> {
  const made: MonitoredContainer[] = [];
  const outside = await tallyOutside(async () => {
    made.push(await restoreMonitored(record, pod, host, signal));
  });
  const [process] = made;
  if (process === undefined) throw new Fault("internal", "the runtime named no process");
  return [process, outside];
}

async function recordStarted(
  record: ContainerRecord,
  process: MonitoredContainer,
  timeline: readonly StepTime[],
  { book, host }: ContainerParts,
): Promise<ContainerRecord> {
  const started = containerStarted(record, process, nowNanos(), timeline);
  await book.records.put(record.id, started);
  // what it was restored from is of no more use
  if (record.restored !== undefined) await removeCheckpoint(record, { host });
  publishLifecycle(book.events, "started", { container: record.id, pod: record.podId });
  book.log.info({ pod: record.podId, container: record.id, timeline }, "container is started");
  return started;
}

/** The process never ran: what the runtime left of it ends, and the status says why. */
async function recordStartError(
  record: ContainerRecord,
  error: unknown,
  parts: ContainerParts,
): Promise<void> {
  const { book, host } = parts;
  const message = describeFault(error);
  book.log.warn({ pod: record.podId, container: record.id, err: message }, "container could not be started");
  const killing = AbortSignal.timeout(host.config.deadline.undo);
  await host.runtime.kill(record.id, record.handler, "SIGKILL", true, killing).catch((cause: unknown) => {
    const subject = { pod: record.podId, container: record.id };
    book.log.warn({ ...subject, err: describeFault(cause) }, "its process could not be killed");
  });
  await releaseEnded(record, host, book.log);
  const exit = { exitCode: START_ERROR_CODE, reason: "StartError", message, finishedAt: nowNanos() } as const;
  const exited = containerExited(record, exit);
  await book.records.put(record.id, exited);
  book.exits.exited(record.id);
  publishLifecycle(book.events, "stopped", { container: record.id, pod: record.podId });
  tellStopped(exited, parts);
}

/** Records that a container was found running whose daemon was killed between the start and its record. */
export async function adoptStarted(
  record: ContainerRecord,
  process: MonitoredContainer,
  parts: ContainerParts,
): Promise<void> {
  await recordStarted(record, process, [], parts);
}
