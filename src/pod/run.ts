import { deadlineIn } from "../base/deadline.ts";
import { during, Fault } from "../base/fault.ts";
import { newPodSandboxId, type PodSandboxId } from "../base/ids.ts";
import { stepWatch } from "../base/step-watch.ts";
import { runSteps, StepsFailed, type StepTime, undoSteps } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import { newPodCgroups } from "./cgroup.ts";
import { podKey, podName, recordOfKey, requireSameRequest } from "./key.ts";
import { requireNodeNetwork } from "./node-network.ts";
import { tellPlugins } from "./nri.ts";
import type { PodAttempt, PodHost, PodParts } from "./parts.ts";
import { sandboxDevice } from "./sandbox-rootfs.ts";
import { type PodSandboxRecord, podReady, podStranded } from "./state.ts";
import { podSandboxSteps } from "./steps.ts";
import { requireUserNamespace } from "./user-namespace.ts";

/**
 * Runs a pod sandbox, or joins or returns the run of the same metadata and attempt.
 *
 * @throws {Fault} invalid or unavailable for a user namespace that can't be; unavailable for the node's network
 */
export async function runPodSandbox(
  config: PodSandboxConfig,
  runtimeHandler: string,
  parts: PodParts,
): Promise<PodSandboxId> {
  const { book, host } = parts;
  const key = podKey(config);
  const inFlight = book.runs.get(key);
  if (inFlight !== undefined) {
    requireSameRequest(inFlight.request, config, runtimeHandler);
    return await inFlight.result;
  }
  const request = { config, runtimeHandler };
  return await book.runs.join(key, request, host.config.deadline.runPod, async (signal) => {
    const standing = recordOfKey(book, key);
    const done = standing && (await resumeStanding(standing, config, runtimeHandler, parts, signal));
    return done ?? (await runAnew(config, runtimeHandler, parts, signal));
  });
}

/** What to do with the record of an earlier call: its id when it is up; undefined when it is out of the way. */
async function resumeStanding(
  standing: PodSandboxRecord,
  config: PodSandboxConfig,
  runtimeHandler: string,
  parts: PodParts,
  signal: AbortSignal,
): Promise<PodSandboxId | undefined> {
  const { book } = parts;
  using _pod = await book.locks.hold(standing.id, signal);
  const record = book.records.get(standing.id);
  if (record === undefined) return undefined;
  const { state } = record;
  switch (state.kind === "stranded" ? state.from : state.kind) {
    case "ready":
      requireSameRequest(record, config, runtimeHandler);
      return record.id;
    case "stopping":
    case "stopped":
    case "stop":
      throw new Fault(
        "alreadyExists",
        `pod ${podName(config)}, attempt ${config.metadata.attempt}: sandbox ${record.id} had the same metadata and was stopped`,
        { hint: `remove sandbox ${record.id.slice(0, 13)} first, or ask with a higher attempt` },
      );
    case "making":
    case "run":
      await clearFailed(record, parts);
      return undefined;
  }
}

/** Undoes what an earlier, failed run left, and forgets it. @throws {Fault} when it still can't be taken away */
export async function clearFailed(record: PodSandboxRecord, { host, book }: PodParts): Promise<void> {
  const attempt: PodAttempt = { host, network: { addresses: [], interfaces: [] } };
  const stranded = await undoSteps(
    podSandboxSteps,
    record,
    attempt,
    stepWatch("RunPodSandbox", { pod: record.id }, book),
  );
  if (stranded !== undefined) {
    await book.records.put(record.id, podStranded(record, stranded, nowNanos()));
    throw during(
      `clearing away an earlier, failed run of pod ${podName(record.config)} (${record.id})`,
      stranded.reason,
    );
  }
  await book.records.delete(record.id);
}

async function runAnew(
  config: PodSandboxConfig,
  runtimeHandler: string,
  parts: PodParts,
  signal: AbortSignal,
): Promise<PodSandboxId> {
  const { book, host } = parts;
  const id = newPodSandboxId();
  const probe = host.runtime.resolveHandler(runtimeHandler);
  const { handler, sandboxer } = probe;
  requireNodeNetwork(config.security.namespaces, probe);
  await requireUserNamespace(config.security.namespaces, handler, host.runtime);
  const record: PodSandboxRecord = {
    id,
    config,
    runtimeHandler,
    handler,
    ...(sandboxer === undefined ? {} : { sandboxer }),
    ...(sandboxer === "podsandbox" ? sandboxDevice(id, handler, host) : {}),
    createdAt: nowNanos(),
    bootId: book.bootId,
    ...newPodCgroups(id, config.cgroupParent, host.config),
    state: { kind: "making" },
    timeline: [],
  };
  using _pod = await book.locks.hold(id, signal);
  const timeline: StepTime[] = [];
  const began = performance.now();
  await book.records.put(id, record); // recorded first
  timeline.push({ step: "record", ms: performance.now() - began });
  const attempt: PodAttempt = { host, network: { addresses: [], interfaces: [] } };
  try {
    await runSteps(
      podSandboxSteps,
      record,
      attempt,
      stepWatch("RunPodSandbox", { pod: record.id }, book, timeline),
      signal,
    );
    const up = podReady(record, attempt, timeline, nowNanos());
    timeline.push(...(await tellPlugins("runPodSandbox", up, host, signal)));
  } catch (error) {
    await settleFailed(record, error, attempt, parts);
    throw during(`running pod ${podName(config)}`, error);
  }
  await book.records.put(id, podReady(record, attempt, timeline, nowNanos()));
  publishLifecycle(book.events, "created", { container: id, pod: id });
  publishLifecycle(book.events, "started", { container: id, pod: id });
  book.log.info(
    { pod: id, name: podName(config), ms: performance.now() - began, timeline },
    "pod sandbox is up",
  );
  return id;
}

/** A plugin refused the run: those that know of the pod are told that it is gone. */
async function tellOfEnd(record: PodSandboxRecord, host: PodHost): Promise<void> {
  using deadline = deadlineIn(host.config.deadline.undo);
  for (const event of ["stopPodSandbox", "removePodSandbox"] as const)
    await tellPlugins(event, record, host, deadline.signal);
}

/** The record of a run that failed: forgotten when all is undone, else kept with the step at which the undoing ended. */
async function settleFailed(
  record: PodSandboxRecord,
  error: unknown,
  attempt: PodAttempt,
  { book, host }: PodParts,
): Promise<void> {
  const stranded =
    error instanceof StepsFailed
      ? error.stranded
      : await undoSteps(
          podSandboxSteps,
          record,
          attempt,
          stepWatch("RunPodSandbox", { pod: record.id }, book),
        );
  if (!(error instanceof StepsFailed)) await tellOfEnd(record, host);
  if (stranded === undefined) {
    await book.records.delete(record.id);
    return;
  }
  book.log.error(
    { pod: record.id, step: stranded.step, err: stranded.reason },
    "a failed run could not be undone",
  );
  await book.records.put(record.id, podStranded(record, stranded, nowNanos()));
}
