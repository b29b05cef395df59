import type { OciConfigInput } from "./input.ts";

/** Whose class a container can have: of block devices' bandwidth, of a processor's caches and memory bandwidth. */
export type ClassKind = "blockio" | "rdt";

/** A class that is asked for, and the annotation that says so. */
export interface WantedClass {
  readonly name: string;
  readonly from: string;
  readonly by: "container" | "pod" | "plugin";
}

/**
 * The class of a container by the annotations that containerd and CRI-O know: its own, its pod's for it, its pod's for all.
 * Undefined: none.
 */
export function wantedClass(
  kind: ClassKind,
  { config, pod }: Pick<OciConfigInput, "config" | "pod">,
): WantedClass | undefined {
  const own = `io.kubernetes.cri.${kind}-class`;
  const ofPod = `${kind}.resources.beta.kubernetes.io`;
  const keys = [
    [own, config.annotations, `config.annotations["${own}"]`, "container"],
    ...[`${ofPod}/container.${config.metadata.name}`, `${ofPod}/pod`].map(
      (key) => [key, pod.config.annotations, `the pod's annotation ${key}`, "pod"] as const,
    ),
  ] as const;
  for (const [key, annotations, from, by] of keys) {
    const name = annotations[key];
    if (name !== undefined && name !== "") return { name, from, by };
  }
  return undefined;
}
