import type { RuntimeServiceService } from "../wire/gen/runtime.v1.ts";
import type { Handlers } from "../wire/grpc/method.ts";
import { EventFeed } from "./event-feed.ts";
import type { ApiParts } from "./parts.ts";
import { attach } from "./runtime/attach.ts";
import { checkpointContainer } from "./runtime/checkpoint-container.ts";
import { checkpointPod } from "./runtime/checkpoint-pod.ts";
import { containerStats } from "./runtime/container-stats.ts";
import { containerStatus } from "./runtime/container-status.ts";
import { createContainer } from "./runtime/create-container.ts";
import { exec } from "./runtime/exec.ts";
import { execSync } from "./runtime/exec-sync.ts";
import { getContainerEvents } from "./runtime/get-container-events.ts";
import { listContainerStats, streamContainerStats } from "./runtime/list-container-stats.ts";
import { listContainers, streamContainers } from "./runtime/list-containers.ts";
import { listMetricDescriptors } from "./runtime/list-metric-descriptors.ts";
import { listPodSandbox, streamPodSandboxes } from "./runtime/list-pod-sandbox.ts";
import { listPodSandboxMetrics, streamPodSandboxMetrics } from "./runtime/list-pod-sandbox-metrics.ts";
import { listPodSandboxStats, streamPodSandboxStats } from "./runtime/list-pod-sandbox-stats.ts";
import { podSandboxStats } from "./runtime/pod-sandbox-stats.ts";
import { podSandboxStatus } from "./runtime/pod-sandbox-status.ts";
import { portForward } from "./runtime/port-forward.ts";
import { removeContainer } from "./runtime/remove-container.ts";
import { removePodSandbox } from "./runtime/remove-pod-sandbox.ts";
import { reopenContainerLog } from "./runtime/reopen-container-log.ts";
import { restorePod } from "./runtime/restore-pod.ts";
import { runPodSandbox } from "./runtime/run-pod-sandbox.ts";
import { runtimeConfig } from "./runtime/runtime-config.ts";
import { startContainer } from "./runtime/start-container.ts";
import { status } from "./runtime/status.ts";
import { stopContainer } from "./runtime/stop-container.ts";
import { stopPodSandbox } from "./runtime/stop-pod-sandbox.ts";
import { updateContainerResources } from "./runtime/update-container-resources.ts";
import { updatePodSandboxResources } from "./runtime/update-pod-sandbox-resources.ts";
import { updateRuntimeConfig } from "./runtime/update-runtime-config.ts";
import { version } from "./runtime/version.ts";

/** The handler of each RPC of the CRI's RuntimeService. */
export function runtimeHandlers(parts: ApiParts): Handlers<typeof RuntimeServiceService> {
  const { podSandboxes, containers, streams, node } = parts;
  const { figures } = node;
  const { config } = node.facts;
  const podStats = { podSandboxes, containers, figures };
  const feed = new EventFeed(parts.events, podSandboxes, containers, () => parts.observer?.eventDropped());
  return {
    version: () => version(node.facts),
    status: (request) => status(request, node, streams),
    runtimeConfig: () => runtimeConfig(config),
    updateRuntimeConfig: (request) => updateRuntimeConfig(request, node.network),

    runPodSandbox: (request, signal) => runPodSandbox(request, podSandboxes, signal),
    stopPodSandbox: (request, signal) => stopPodSandbox(request, podSandboxes, signal),
    removePodSandbox: (request, signal) => removePodSandbox(request, podSandboxes, signal),
    podSandboxStatus: (request, signal) =>
      podSandboxStatus(request, { podSandboxes, containers, node }, signal),
    listPodSandbox: (request) => listPodSandbox(request, podSandboxes),
    streamPodSandboxes: (request) => streamPodSandboxes(request, podSandboxes),
    updatePodSandboxResources: (request, signal) => updatePodSandboxResources(request, podSandboxes, signal),

    createContainer: (request, signal) => createContainer(request, containers, signal),
    startContainer: (request, signal) => startContainer(request, containers, signal),
    stopContainer: (request, signal) => stopContainer(request, containers, signal),
    removeContainer: (request, signal) => removeContainer(request, containers, signal),
    listContainers: (request) => listContainers(request, containers),
    streamContainers: (request) => streamContainers(request, containers),
    containerStatus: (request) => containerStatus(request, containers, node),
    updateContainerResources: (request, signal) => updateContainerResources(request, containers, signal),
    reopenContainerLog: (request, signal) => reopenContainerLog(request, containers, signal),
    execSync: (request, signal) => execSync(request, containers, config.grpc.maxMessage, signal),
    exec: (request) => exec(request, containers, streams),
    attach: (request) => attach(request, containers, streams),
    portForward: (request) => portForward(request, podSandboxes, streams),

    containerStats: (request, signal) => containerStats(request, containers, figures, signal),
    listContainerStats: (request, signal) => listContainerStats(request, containers, figures, signal),
    streamContainerStats: (request, signal) => streamContainerStats(request, containers, figures, signal),
    podSandboxStats: (request, signal) => podSandboxStats(request, podStats, signal),
    listPodSandboxStats: (request, signal) => listPodSandboxStats(request, podStats, signal),
    streamPodSandboxStats: (request, signal) => streamPodSandboxStats(request, podStats, signal),
    listMetricDescriptors: () => listMetricDescriptors(),
    listPodSandboxMetrics: (_request, signal) => listPodSandboxMetrics(podStats, signal),
    streamPodSandboxMetrics: (_request, signal) => streamPodSandboxMetrics(podStats, signal),

    getContainerEvents: (_request, signal) => getContainerEvents(feed, node, signal),
    checkpointContainer: (request, signal) => checkpointContainer(request, containers, signal),
    checkpointPod: (request, signal) => checkpointPod(request, podSandboxes, signal),
    restorePod: (request, signal) => restorePod(request, podSandboxes, signal),
  };
}
