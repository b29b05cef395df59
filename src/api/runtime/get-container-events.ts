import type { LifecycleEvent } from "../../events/lifecycle.ts";
import { type ContainerEventResponse, ContainerEventType } from "../../wire/gen/runtime.v1.ts";
import { encodeContainerStatus } from "../convert/encode-container.ts";
import { encodePodSandboxStatus } from "../convert/encode-pod-sandbox.ts";
import type { EventFeed } from "../event-feed.ts";
import type { ApiNode } from "../parts.ts";

const typeOfKind: Readonly<Record<LifecycleEvent["kind"], ContainerEventType>> = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
};

/** RPC GetContainerEvents: the kubelet's evented PLEG takes the pod's status from each event, and never asks for it. */
export async function* getContainerEvents(
  feed: EventFeed,
  node: Pick<ApiNode, "actualResources">,
  signal: AbortSignal,
): AsyncGenerator<ContainerEventResponse> {
  for await (const { event, pod, containers } of feed.read(signal)) {
    yield {
      containerId: event.containerId,
      containerEventType: typeOfKind[event.kind],
      createdAt: event.at,
      podSandboxStatus: encodePodSandboxStatus(pod),
      containersStatuses: containers.map((container) =>
        encodeContainerStatus(container, node.actualResources(container)),
      ),
    };
  }
}
