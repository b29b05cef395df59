import { during, Fault } from "../base/fault.ts";
import { newPodSandboxId, type PodSandboxId } from "../base/ids.ts";
import { stepWatch } from "../base/step-watch.ts";
import { runSteps, type StepTime } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { passedOver } from "../config/passed-over.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { PodSandboxConfig } from "../spec/cri/pod-sandbox-config.ts";
import { newPodCgroups } from "./cgroup.ts";
import { podKey, podName, recordOfKey, requireSameRequest } from "./key.ts";
import { requireNodeNetwork } from "./node-network.ts";
import { tellPlugins } from "./nri.ts";
import type { PodParts } from "./parts.ts";
import { sandboxDevice } from "./sandbox-rootfs.ts";
import { type PodSandboxRecord, podReady } from "./state.ts";
import { podSandboxSteps } from "./steps.ts";
import { clearFailed, emptyAttempt, settleFailed } from "./undo.ts";
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
  const attempt = emptyAttempt(host);
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
  const ignored = passedOver(config.annotations, handler, host.config);
  if (ignored.length > 0)
    book.log.warn(
      { pod: id, name: podName(config), passedOver: ignored },
      "annotations of a pod are passed over",
    );
  return id;
}
