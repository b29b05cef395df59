import type { ListMetricDescriptorsResponse } from "../../wire/gen/runtime.v1.ts";
import { encodeDescriptors } from "../convert/encode-metrics.ts";

/** RPC ListMetricDescriptors: always the same, whatever this kernel has of them. The kubelet asks once, at its start. */
export async function listMetricDescriptors(): Promise<ListMetricDescriptorsResponse> {
  return { descriptors: encodeDescriptors() };
}
