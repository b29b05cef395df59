import type { OciConfigInput } from "./input.ts";

/**
 * Annotations by which runtimes take orders: systemd properties, hooks, handlers, paths of other programs. They
 * come from the daemon's configuration or not at all.
 */
const runtimeOrders = ["org.systemd.property.", "run.oci.", "io.katacontainers.", "dev.gvisor."];

/**
 * The container's annotations, and those by which shims, hooks and tools know a container of a pod
 * (`io.kubernetes.cri.…`); the latter can't be overridden.
 */
export function ociAnnotations({
  config,
  pod,
  image,
}: Pick<OciConfigInput, "config" | "pod" | "image">): Record<string, string> {
  const given = Object.entries(config.annotations).filter(
    ([key]) => key !== "" && !runtimeOrders.some((prefix) => key.startsWith(prefix)),
  );
  return {
    ...Object.fromEntries(given),
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": config.metadata.name,
    "io.kubernetes.cri.image-name": config.image.userSpecifiedImage || image.name,
    "io.kubernetes.cri.sandbox-id": pod.id,
    "io.kubernetes.cri.sandbox-name": pod.config.metadata.name,
    "io.kubernetes.cri.sandbox-namespace": pod.config.metadata.namespace,
    "io.kubernetes.cri.sandbox-uid": pod.config.metadata.uid,
  };
}
