import { handlerSettings } from "./handler-settings.ts";
import { mayOrder, type PodOrder, podOrderNames, shmSizeNames } from "./pod-orders.ts";
import type { Config } from "./schema.ts";

/** An annotation by which a pod asks for something under a name of CRI-O's, and why it has no effect. */
export interface PassedOver {
  readonly annotation: string;
  readonly why: string;
}

/** Of one container: they name it. */
const ofContainers: ReadonlySet<PodOrder> = new Set(["unifiedCgroup", "cpuShared", "seccompProfile"]);

/** What berth has in the place of others, by their newer and their older name. */
const instead: readonly (readonly [names: readonly string[], what: string])[] = [
  [
    ["userns-mode.crio.io", "io.kubernetes.cri-o.userns-mode"],
    "a pod with hostUsers: false has a user namespace",
  ],
  [
    ["disable-fips.crio.io", "io.kubernetes.cri-o.DisableFIPS"],
    "berth leaves a container the node's FIPS mode",
  ],
  [
    ["platform-runtime-path.crio.io", "io.kubernetes.cri-o.PlatformRuntimePath"],
    "each runtime is a handler of its own (runtimeClassName)",
  ],
  [
    ["try-skip-volume-selinux-label.crio.io", "io.kubernetes.cri-o.TrySkipVolumeSELinuxLabel"],
    "volumes are labeled as the kubelet asks for",
  ],
];

/** Of a pod's annotations those of CRI-O's that change nothing with this runtime handler. */
export function passedOver(
  annotations: Readonly<Record<string, string>>,
  handler: string,
  { runtime }: { readonly runtime: Pick<Config["runtime"], "handlers"> },
): PassedOver[] {
  const { allowedAnnotations } = handlerSettings(runtime.handlers, handler);
  return Object.keys(annotations).flatMap((annotation): PassedOver[] => {
    const why = reason(annotation, handler, allowedAnnotations);
    return why === undefined ? [] : [{ annotation, why }];
  });
}

function reason(key: string, handler: string, allowed: readonly string[]): string | undefined {
  if (!isOfCrio(key) || shmSizeNames.includes(key)) return undefined;
  for (const [order, names] of Object.entries(podOrderNames) as [PodOrder, readonly string[]][]) {
    const name = names.find((each) => isFor(each, key));
    if (name === undefined) continue;
    if (!mayOrder(order, allowed))
      return `runtime.handlers.${handler}.allowedAnnotations does not have ${names[0]}`;
    return ofContainers.has(order) && key === name
      ? `it names no container, as in ${names[0]}/<container>`
      : undefined;
  }
  const [, what] = instead.find(([names]) => names.some((name) => isFor(name, key))) ?? [];
  return what ?? "berth has nothing by that name";
}

function isOfCrio(key: string): boolean {
  return /^[^/]*\.crio\.io(\/|$)/.test(key) || /^[^/]*kubernetes\.cri-o/.test(key);
}

/** The annotation itself, or for one container. */
function isFor(name: string, key: string): boolean {
  return key === name || key.startsWith(`${name}/`) || key.startsWith(`${name}.`);
}
