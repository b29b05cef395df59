import type { Config } from "./schema.ts";

/**
 * What a pod's annotations may ask of berth itself, under CRI-O's names: its newer one first. Of one
 * container of the pod, names are followed by a slash or a dot and the container's name.
 */
export const podOrderNames = {
  devices: ["devices.crio.io", "io.kubernetes.cri-o.Devices"],
  umask: ["umask.crio.io", "io.kubernetes.cri-o.umask"],
  unifiedCgroup: ["unified-cgroup.crio.io", "io.kubernetes.cri-o.UnifiedCgroup"],
  cgroupWritable: ["cgroup2-mount-hierarchy-rw.crio.io", "io.kubernetes.cri-o.cgroup2-mount-hierarchy-rw"],
  seccompNotifier: ["seccomp-notifier-action.crio.io", "io.kubernetes.cri-o.seccompNotifierAction"],
  cpuQuota: ["cpu-quota.crio.io"],
  cpuLoadBalancing: ["cpu-load-balancing.crio.io"],
  irqLoadBalancing: ["irq-load-balancing.crio.io"],
  cpuCStates: ["cpu-c-states.crio.io"],
  cpuFreqGovernor: ["cpu-freq-governor.crio.io"],
  cpuShared: ["cpu-shared.crio.io"],
  linkLogs: ["link-logs.crio.io", "io.kubernetes.cri-o.LinkLogs"],
} as const;

export type PodOrder = keyof typeof podOrderNames;

/** All names that a handler may allow. */
export const allPodOrderNames: readonly string[] = Object.values(podOrderNames).flat();

/** Whether any handler's pods may give the order. */
export function allowsOrder({ runtime }: Pick<Config, "runtime">, order: PodOrder): boolean {
  const names: readonly string[] = podOrderNames[order];
  return Object.values(runtime.handlers).some(({ allowedAnnotations }) =>
    allowedAnnotations.some((name) => names.includes(name)),
  );
}

/** The order's value, where the handler allows it under any of its names; of one container, by `container`'s name. */
export function orderOf(
  order: PodOrder,
  annotations: Readonly<Record<string, string>>,
  allowed: readonly string[],
  container?: string,
): { readonly key: string; readonly value: string } | undefined {
  const names: readonly string[] = podOrderNames[order];
  if (!names.some((name) => allowed.includes(name))) return undefined;
  const keys =
    container === undefined
      ? names
      : names.flatMap((name) => [`${name}/${container}`, `${name}.${container}`]);
  const key = keys.find((each) => Object.hasOwn(annotations, each));
  return key === undefined ? undefined : { key, value: annotations[key] ?? "" };
}
