import { isFault } from "../../base/fault.ts";
import type { ApiParts } from "../parts.ts";
import { crioContainer, crioPodSandbox } from "./container.ts";
import { crioInfo } from "./info.ts";

type Parts = Pick<ApiParts, "podSandboxes" | "containers" | "node">;

/**
 * What CRI-O would answer to GET of a path, of what the kubelet's cAdvisor asks it for (cAdvisor: container/crio/client.go;
 * CRI-O: server/inspect.go); undefined where there is nothing.
 */
export function crioDocument(path: string, parts: Parts): unknown {
  if (path === "/info") return crioInfo(parts.node);
  const [, id] = /^\/containers\/([0-9a-f]{64})$/.exec(path) ?? [];
  return id === undefined ? undefined : containerOrPod(id, parts);
}

function containerOrPod(id: string, { podSandboxes, containers, node }: Parts): unknown {
  const container = unlessMissing(() => containers.get(id));
  const pod = unlessMissing(() => podSandboxes.get(container?.podId ?? id));
  if (pod === undefined) return undefined;
  if (container !== undefined) return crioContainer(container, pod, node.storage);
  return crioPodSandbox(pod, [...containers.ofPod(pod.id)], node.storage);
}

function unlessMissing<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch (error) {
    if (isFault(error, "notFound")) return undefined;
    throw error;
  }
}
