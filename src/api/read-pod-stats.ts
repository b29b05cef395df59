import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { eachInTurn } from "../base/short-turns.ts";
import type { Containers } from "../container/contract.ts";
import type { PodSandboxRecord } from "../pod/state.ts";
import { encodePodSandboxStats } from "./convert/encode-stats.ts";
import type { Figures } from "./parts.ts";

/** The encoded figures of pods, each with those of its containers that run: all read in two goes. */
export async function readPodStats(
  pods: readonly PodSandboxRecord[],
  containers: Containers,
  figures: Figures,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const running = pods.map((pod) =>
    [...containers.ofPod(pod.id)].filter((record) => record.state.kind === "running"),
  );
  const [ofPods, ofContainers] = await Promise.all([
    figures.pods(pods, signal),
    figures.containers(running.flat(), signal),
  ]);
  const encoded: Uint8Array[] = [];
  const writer = new BinaryWriter();
  await eachInTurn(pods.entries(), signal, ([index, pod]) => {
    const inside = (running[index] ?? []).flatMap((record) => {
      const found = ofContainers.get(record.id);
      return found === undefined ? [] : [[record, found] as const];
    });
    encoded.push(encodePodSandboxStats(pod, ofPods.get(pod.id), inside, writer));
  });
  return encoded;
}
