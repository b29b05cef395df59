import type { PodSandboxes } from "../../pod/contract.ts";
import type {
  ListPodSandboxRequest,
  ListPodSandboxResponse,
  PodSandbox,
  PodSandboxFilter,
  StreamPodSandboxesRequest,
  StreamPodSandboxesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { encodePodSandbox } from "../convert/encode-pod-sandbox.ts";
import { podSandboxFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";

/** RPC ListPodSandbox. */
export async function listPodSandbox(
  request: ListPodSandboxRequest,
  podSandboxes: PodSandboxes,
): Promise<ListPodSandboxResponse> {
  return { items: select(request.filter, podSandboxes) };
}

/** RPC StreamPodSandboxes: the same list as it was at the start, in pages. */
export async function* streamPodSandboxes(
  request: StreamPodSandboxesRequest,
  podSandboxes: PodSandboxes,
): AsyncGenerator<StreamPodSandboxesResponse> {
  for (const page of pages(select(request.filter, podSandboxes), (item) => item))
    yield { podSandboxes: page };
}

function select(filter: PodSandboxFilter | undefined, podSandboxes: PodSandboxes): PodSandbox[] {
  const wanted = podSandboxFilter(filter);
  const found: PodSandbox[] = [];
  for (const record of podSandboxes.list()) if (wanted(record)) found.push(encodePodSandbox(record));
  return found;
}
