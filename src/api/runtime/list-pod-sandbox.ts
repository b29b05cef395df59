import type { PodSandboxes } from "../../pod/contract.ts";
import type { PodSandboxRecord } from "../../pod/state.ts";
import {
  type ListPodSandboxRequest,
  ListPodSandboxResponse,
  type PodSandboxFilter,
  type StreamPodSandboxesRequest,
  type StreamPodSandboxesResponse,
} from "../../wire/gen/runtime.v1.ts";
import { Encoded, encodedOnce } from "../../wire/grpc/encoded.ts";
import { encodePodSandbox } from "../convert/encode-pod-sandbox.ts";
import { podSandboxFilter } from "../convert/filter.ts";
import { pages } from "../pages.ts";

/** An answer with one pod sandbox; both calls have their pod sandboxes in the same field. */
const answerWith = encodedOnce((record: PodSandboxRecord) =>
  ListPodSandboxResponse.encode({ items: [encodePodSandbox(record)] }).finish(),
);

/** RPC ListPodSandbox. */
export async function listPodSandbox(
  request: ListPodSandboxRequest,
  podSandboxes: PodSandboxes,
): Promise<Encoded<ListPodSandboxResponse>> {
  return new Encoded(select(request.filter, podSandboxes));
}

/** RPC StreamPodSandboxes: the same list as it was at the start, in pages. */
export async function* streamPodSandboxes(
  request: StreamPodSandboxesRequest,
  podSandboxes: PodSandboxes,
): AsyncGenerator<Encoded<StreamPodSandboxesResponse>> {
  for (const page of pages(select(request.filter, podSandboxes))) yield new Encoded(page);
}

function select(filter: PodSandboxFilter | undefined, podSandboxes: PodSandboxes): Uint8Array[] {
  const wanted = podSandboxFilter(filter);
  const found: Uint8Array[] = [];
  for (const record of podSandboxes.list()) if (wanted(record)) found.push(answerWith(record));
  return found;
}
