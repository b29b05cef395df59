import { join, normalize } from "node:path";
import { during, Fault } from "../base/fault.ts";
import { type ChainId, type ContainerId, newContainerId } from "../base/ids.ts";
import { stepWatch } from "../base/step-watch.ts";
import { runSteps, type StepTime } from "../base/steps.ts";
import { nowNanos } from "../base/units.ts";
import { cgroupNaming } from "../config/cgroup-naming.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import type { ImageRecord } from "../image/contract.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import { parseSignal } from "../spec/signal.ts";
import { requireAllowedImages } from "./allowed-images.ts";
import { requireCheckpoints } from "./checkpoint/checkpoint.ts";
import {
  type CheckpointSource,
  findCheckpoint,
  sourceInImage,
  sourceOf,
} from "./checkpoint/find-checkpoint.ts";
import { findImageVolumes } from "./image-volumes.ts";
import { containerKey, recordOfRequest, requireSameRequest } from "./key.ts";
import { logLink } from "./linked-logs.ts";
import { pluginsIn } from "./nri/adjust.ts";
import { tellPlugins } from "./nri/tell.ts";
import type { ContainerAttempt, ContainerHost, ContainerParts } from "./parts.ts";
import type { ContainerPod } from "./pod.ts";
import { ordersFor, withOrders } from "./processors/orders.ts";
import { bringSeccompArtifact } from "./seccomp-artifact.ts";
import { containerCgroup } from "./spec/cgroups-path.ts";
import { type ContainerRecord, chainsBelow, containerCheckpointed, containerCreated } from "./state.ts";
import { containerSteps } from "./steps.ts";
import { clearFailed, emptyAttempt, settleFailed } from "./undo.ts";

/**
 * Creates a container, or joins or returns the create of the same pod, name and attempt.
 *
 * @param source the checkpoint that it is to go on from
 */
export async function createContainer(
  podId: string,
  config: ContainerConfig,
  parts: ContainerParts,
  source = sourceOf(config),
): Promise<ContainerId> {
  const { book, host } = parts;
  const pod = parts.pods.get(podId);
  const key = containerKey(pod.id, config);
  const inFlight = book.creates.get(key);
  if (inFlight !== undefined) {
    requireSameRequest({ config: inFlight.request }, config);
    return await inFlight.result;
  }
  requireAccepting(pod, config);
  return await book.creates.join(key, config, host.config.deadline.createContainer, async (signal) => {
    const standing = recordOfRequest(book, pod.id, config);
    const done = standing && (await resumeStanding(standing, config, parts, signal));
    return done ?? (await createAnew(pod, { config, source }, parts, signal));
  });
}

function requireAccepting(pod: ContainerPod, config: ContainerConfig): void {
  if (pod.refuses === undefined) return;
  throw new Fault(
    "wrongState",
    `container ${config.metadata.name}: pod sandbox ${pod.id} takes no containers: ${pod.refuses}`,
  );
}

/** What to do with the record of an earlier call: its id when it is there; undefined when it is out of the way. */
async function resumeStanding(
  standing: ContainerRecord,
  config: ContainerConfig,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<ContainerId | undefined> {
  using _container = await parts.book.locks.hold(standing.id, signal);
  const record = parts.book.records.get(standing.id);
  if (record === undefined) return undefined;
  switch (record.state.kind) {
    case "created":
    case "checkpointed":
    case "running":
    case "exited":
      requireSameRequest(record, config);
      return record.id;
    case "making":
    case "removing":
    case "stranded":
      await clearFailed(record, parts);
      return undefined;
  }
}

async function createAnew(
  pod: ContainerPod,
  { config, source: given }: { config: ContainerConfig; source: CheckpointSource | undefined },
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<ContainerId> {
  const { book, host } = parts;
  const own = given === undefined ? requireImage(config, host) : undefined;
  const source = given ?? (own && (await sourceInImage(own, host)));
  if (source !== undefined) await requireCheckpoints(pod, host);
  const checkpoint = source && (await findCheckpoint(source, host.images, signal));
  await requireAllowedImages(config, { own, checkpoint }, pod, host.images, signal);
  const snapshotter = host.snapshotters.nameFor(pod.handler);
  await bringImages(config, checkpoint?.image, { host, snapshotter }, signal);
  const image = checkpoint?.image ?? requireImage(config, host);
  const seccomp = await bringSeccompArtifact(config, { pod, image, snapshotter }, parts, signal);
  const restored = checkpoint === undefined ? {} : { restored: checkpoint.origin };
  const record = { ...newRecord(pod, config, { image, snapshotter }, parts), ...restored };
  using _chains = keepChains(book.pendingChains, [
    ...chainsBelow(record),
    ...(source?.layers ?? []),
    ...(seccomp === undefined ? [] : [seccomp.chain]),
  ]);
  using _container = await book.locks.hold(record.id, signal);
  const timeline: StepTime[] = [];
  const began = performance.now();
  await book.records.put(record.id, record); // recorded first
  timeline.push({ step: "record", ms: performance.now() - began });
  const attempt: ContainerAttempt = {
    ...emptyAttempt(host),
    pod,
    described: () => parts.pods.described(pod.id),
    ...(checkpoint === undefined ? {} : { checkpoint }),
    ...(seccomp && { seccomp }),
  };
  try {
    await runSteps(
      containerSteps,
      record,
      attempt,
      stepWatch("CreateContainer", { pod: record.podId, container: record.id }, book, timeline),
      signal,
    );
    if (attempt.process === undefined && checkpoint === undefined)
      throw new Fault("internal", "the runtime named no process");
  } catch (error) {
    await settleFailed(record, error, parts);
    await host.nri.containerRemoved(record.id, signal);
    const adjusted = attempt.adjustedBy && `, as ${pluginsIn(attempt.adjustedBy)} adjusted it`;
    throw during(`creating container ${config.metadata.name} in pod ${pod.id}${adjusted ?? ""}`, error);
  }
  const adjusted = { ...attempt.adjusted, ...(attempt.adjustedBy && { adjustedBy: attempt.adjustedBy }) };
  const made = { ...record, user: attempt.user, ...adjusted };
  const created =
    attempt.process === undefined
      ? containerCheckpointed(made, timeline)
      : containerCreated(made, attempt.process, timeline);
  await book.records.put(record.id, created);
  publishLifecycle(book.events, "created", { container: record.id, pod: record.podId });
  await tellPlugins("postCreateContainer", created, parts, signal);
  const ms = performance.now() - began;
  book.log.info(
    { pod: pod.id, container: record.id, name: config.metadata.name, ms, timeline },
    "container is created",
  );
  return record.id;
}

function requireImage(config: ContainerConfig, host: ContainerHost): ImageRecord {
  if (config.image.image === "") throw new Fault("invalid", "config.image.image: missing");
  const image = host.images.find(config.image.image);
  if (image?.artifact !== undefined) {
    const what = `an artifact (${image.artifact.type}), not a container image`;
    throw new Fault("invalid", `container ${config.metadata.name}: "${config.image.image}" is ${what}`, {
      hint: "it can be mounted, as an image volume",
    });
  }
  if (image !== undefined) return image;
  throw new Fault(
    "notFound",
    `container ${config.metadata.name}: image "${config.image.image}" is not on this node`,
    {
      hint: "pull it first",
    },
  );
}

/** Sees to it that what the container is made of is in the snapshotter of its pod's handler. */
async function bringImages(
  config: ContainerConfig,
  image: ImageRecord | undefined,
  { host, snapshotter }: { host: ContainerHost; snapshotter: string },
  signal: AbortSignal,
): Promise<void> {
  const volumes = findImageVolumes(config, host.images).map(({ imageId }) => imageId);
  const { id } = image ?? requireImage(config, host);
  for (const each of [id, ...volumes]) await host.images.unpackIn(each, snapshotter, signal);
}

/** Keeps the images' snapshots from being collected between now and the record's commit. */
function keepChains(pending: Map<ChainId, number>, chains: readonly ChainId[]): Disposable {
  for (const chain of chains) pending.set(chain, (pending.get(chain) ?? 0) + 1);
  return {
    [Symbol.dispose]() {
      for (const chain of chains) {
        const left = (pending.get(chain) ?? 1) - 1;
        if (left === 0) pending.delete(chain);
        else pending.set(chain, left);
      }
    },
  };
}

function newRecord(
  pod: ContainerPod,
  config: ContainerConfig,
  { image, snapshotter }: { image: ImageRecord; snapshotter: string },
  { book, host }: ContainerParts,
): ContainerRecord {
  const id = newContainerId();
  const imageVolumes = findImageVolumes(config, host.images);
  const stopSignal = config.stopSignal || image.config.config?.StopSignal || "SIGTERM";
  return {
    id,
    podId: pod.id,
    config,
    resources: withOrders(config.resources, ordersFor(config, pod.config, host.config.runtime, pod.handler)),
    imageId: image.id,
    imageRef: image.digests[0] ?? image.id,
    parent: image.layers.at(-1)?.chainId,
    snapshotter,
    ...(imageVolumes.length === 0 ? {} : { imageVolumes }),
    handler: pod.handler,
    createdAt: nowNanos(),
    bootId: book.bootId,
    cgroup: containerCgroup(cgroupNaming(host.config), pod.cgroup, id),
    ...logOf(id, pod, config, host),
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: parseSignal(stopSignal).name,
    state: { kind: "making" },
    timeline: [],
  };
}

function logOf(id: ContainerId, pod: ContainerPod, config: ContainerConfig, host: ContainerHost) {
  const path = logPath(pod, config);
  const link = logLink({ id, logPath: path }, pod, host);
  return { logPath: path, ...(link === undefined ? {} : { logLink: link }) };
}

/** @throws {Fault} invalid when the path leads out of the pod's log directory */
function logPath(pod: ContainerPod, config: ContainerConfig): string {
  if (config.logPath === "" || pod.config.logDirectory === "") return "";
  if (normalize(config.logPath).startsWith("..") || config.logPath.startsWith("/")) {
    throw new Fault("invalid", `config.log_path: "${config.logPath}" leads out of the pod's log directory`);
  }
  return join(pod.config.logDirectory, config.logPath);
}
