import { matchesAny } from "../../base/glob.ts";
import type { PodSandboxMetadata } from "./pod-sandbox-config.ts";

type Annotations = Readonly<Record<string, string>>;

/** The OCI config's annotation with the id of the pod that a container is of: shims and runtimes group containers by it. */
export const sandboxIdAnnotation = "io.kubernetes.cri.sandbox-id";

/**
 * The annotations by which runtimes, shims, hooks and tools know a container of a pod, as containerd writes them (pkg/cri/
 * annotations). `sandbox`: the pod's own container, of which a runtime that has one sandbox a pod makes that.
 */
export function identityAnnotations(
  type: "sandbox" | "container",
  { id, metadata }: { readonly id: string; readonly metadata: PodSandboxMetadata },
): Record<string, string> {
  return {
    "io.kubernetes.cri.container-type": type,
    [sandboxIdAnnotation]: id,
    "io.kubernetes.cri.sandbox-name": metadata.name,
    "io.kubernetes.cri.sandbox-namespace": metadata.namespace,
    "io.kubernetes.cri.sandbox-uid": metadata.uid,
  };
}

/** Of a pod's annotations those that its handler's runtime is told: what its `podAnnotations` fit. */
export function passedPodAnnotations(
  annotations: Annotations,
  patterns: readonly string[],
): Record<string, string> {
  return withKeys(annotations, (key) => matchesAny(patterns, key));
}

/**
 * Annotations by which runtimes take orders: systemd properties, hooks, handlers, paths of other programs, whose
 * container this is. They come from berth, or from who may say them by the handler's settings.
 */
const runtimeOrders = [
  "org.systemd.property.",
  "org.criu.config",
  "run.oci.",
  "module.wasm.image/",
  "krun.",
  "io.katacontainers.",
  "dev.gvisor.",
  "io.kubernetes.cri.",
  "io.kubernetes.cri-o.",
];

/** All but such orders, and of those what may be given: what the patterns fit. */
export function passedAnnotations(
  annotations: Annotations,
  allowed: readonly string[],
): Record<string, string> {
  const isOrder = (key: string) => runtimeOrders.some((prefix) => key.startsWith(prefix));
  return withKeys(annotations, (key) => !isOrder(key) || matchesAny(allowed, key));
}

/** Those whose keys are to be kept. Runtimes refuse a configuration with an empty one. */
function withKeys(annotations: Annotations, keep: (key: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => key !== "" && keep(key)));
}
