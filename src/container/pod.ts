import type { PodFacts } from "./spec/input.ts";

/** What a container needs to know of its pod. */
export interface ContainerPod extends PodFacts {
  /** Why the pod takes no containers now; undefined: it does. */
  readonly refuses: string | undefined;
  readonly handler: string;
  readonly monitorCgroup: string;
}
