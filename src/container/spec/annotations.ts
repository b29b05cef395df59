import { identityAnnotations, passedAnnotations, passedPodAnnotations } from "../../spec/cri/annotations.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { HostFacts, OciConfigInput, RuntimeFeatures } from "./input.ts";

/**
 * What of the pod's and the container's annotations may pass, and those by which shims, hooks and tools know a container
 * of a pod (`io.kubernetes.cri.…`); the latter can't be overridden.
 */
export function ociAnnotations({
  config,
  pod,
  image,
  settings,
  host,
  runtime,
}: Omit<OciConfigInput, "id" | "rootfs" | "found">): Record<string, string> {
  return {
    ...passedPodAnnotations(pod.config.annotations, settings.handler.podAnnotations),
    ...passedAnnotations(config.annotations, settings.handler.containerAnnotations),
    ...(settings.cgroups.driver === "systemd" ? scopeProperties(config.resources, host, runtime) : {}),
    ...identityAnnotations("container", { id: pod.id, metadata: pod.config.metadata }),
    "io.kubernetes.cri.container-name": config.metadata.name,
    "io.kubernetes.cri.image-name": config.image.userSpecifiedImage || image.name,
  };
}

/**
 * What crun and runc ask systemd for with the container's scope, in the notation of GVariant. A scope that failed is
 * forgotten at once. Only the container's own limit bounds its processes: crun asks for none, and systemd's default would
 * count.
 *
 * What runc writes into a scope's file without telling systemd, systemd writes again at each change and reload: that all
 * processes are to die of the first that lacks memory, and that there is no swap.
 */
function scopeProperties(
  resources: LinuxResources,
  host: Pick<HostFacts, "scopesHaveOomPolicy" | "swap" | "cgroupVersion">,
  { limitsInScope }: Pick<RuntimeFeatures, "limitsInScope">,
): Record<string, string> {
  const { memoryLimit = 0, memorySwapLimit, unified } = resources;
  const { scopesHaveOomPolicy } = host;
  const hasNoSwap =
    memoryLimit > 0 && (memorySwapLimit ?? 0) <= memoryLimit && unified?.["memory.swap.max"] === undefined;
  const diesWhole = scopesHaveOomPolicy && unified?.["memory.oom.group"] === "1";
  return {
    "org.systemd.property.CollectMode": "'inactive-or-failed'",
    "org.systemd.property.TasksMax": "uint64 18446744073709551615",
    ...(diesWhole ? { "org.systemd.property.OOMPolicy": "'kill'" } : {}),
    ...(limitsInScope && host.swap && host.cgroupVersion === 2 && hasNoSwap
      ? { "org.systemd.property.MemorySwapMax": "uint64 0" }
      : {}),
  };
}
