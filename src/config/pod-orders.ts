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
  seccompProfile: ["seccomp-profile.crio.io", "seccomp-profile.kubernetes.cri-o.io"],
  linkLogs: ["link-logs.crio.io", "io.kubernetes.cri-o.LinkLogs"],
} as const;

/** What sets the size of a pod's /dev/shm: it takes no leave, and berth has a name of its own for it. */
export const shmSizeNames = ["io.berth.shm-size", "shm-size.crio.io", "io.kubernetes.cri-o.ShmSize"];

export type PodOrder = keyof typeof podOrderNames;

/** All names that a handler may allow. */
export const allPodOrderNames: readonly string[] = Object.values(podOrderNames).flat();

/** Whether any handler's pods may give the order. */
export function allowsOrder({ runtime }: Pick<Config, "runtime">, order: PodOrder): boolean {
  return Object.values(runtime.handlers).some(({ allowedAnnotations }) =>
    mayOrder(order, allowedAnnotations),
  );
}

/** Whether pods of a handler that allows these names may give the order: each stands for both. */
export function mayOrder(order: PodOrder, allowed: readonly string[]): boolean {
  return podOrderNames[order].some((name) => allowed.includes(name));
}

/** The order's value, where the handler allows it under any of its names; of one container, by `container`'s name. */
export function orderOf(
  order: PodOrder,
  annotations: Readonly<Record<string, string>>,
  allowed: readonly string[],
  container?: string,
): { readonly key: string; readonly value: string } | undefined {
  if (!mayOrder(order, allowed)) return undefined;
  const names: readonly string[] = podOrderNames[order];
  const keys =
    container === undefined
      ? names
      : names.flatMap((name) => [`${name}/${container}`, `${name}.${container}`]);
  const key = keys.find((each) => Object.hasOwn(annotations, each));
  return key === undefined ? undefined : { key, value: annotations[key] ?? "" };
}
