import { rm } from "node:fs/promises";
import type { Runtime } from "./context.ts";
import { madeByRunLabel } from "./find.ts";

/** Stops and removes a pod sandbox, and the logs of one that `berth run` made: no kubelet does that for them. */
export async function removePod(runtime: Runtime, podSandboxId: string): Promise<void> {
  const { items } = await runtime.pods.listPodSandbox({
    filter: { id: podSandboxId, state: undefined, labelSelector: {} },
  });
  await runtime.pods.stopPodSandbox({ podSandboxId });
  await runtime.pods.removePodSandbox({ podSandboxId });
  for (const { labels, metadata } of items) {
    if (madeByRunLabel in labels && metadata !== undefined) {
      await rm(runLogDirectory(metadata.uid), { recursive: true, force: true });
    }
  }
}

/** Where the logs of a pod lie that `berth run` made; `uid` is one that it chose. */
export function runLogDirectory(uid: string): string {
  return `/var/log/berth/${encodeURIComponent(uid)}`;
}
