import type { Bytes } from "../base/units.ts";
import { Container, PodSandbox, type SynchronizeRequest } from "../wire/gen/nri.v1alpha1.ts";

/** Well below what a ttrpc message may hold. */
const partSize: Bytes = 3 << 20;

/** All pods and containers, pods first, in as many messages as they need; `more` in all but the last. */
export function* inParts(
  pods: readonly PodSandbox[],
  containers: readonly Container[],
  atMost = partSize,
): Generator<SynchronizeRequest> {
  const items = [
    ...pods.map((pod) => ({ bytes: PodSandbox.encode(pod).finish(), pods: [pod], containers: [] })),
    ...containers.map((one) => ({ bytes: Container.encode(one).finish(), pods: [], containers: [one] })),
  ];
  let part: SynchronizeRequest = { pods: [], containers: [], more: true };
  let size: Bytes = 0;
  for (const item of items) {
    if (size > 0 && size + item.bytes.length > atMost) {
      yield part;
      part = { pods: [], containers: [], more: true };
      size = 0;
    }
    part.pods.push(...item.pods);
    part.containers.push(...item.containers);
    size += item.bytes.length;
  }
  yield { ...part, more: false };
}
