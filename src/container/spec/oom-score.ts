import type { HostFacts } from "./input.ts";

/**
 * The process's oom_score_adj (proc(5)). Written even when nobody asked for one: else the container would have the
 * daemon's own, which is meant to keep the daemon alive. Raised to what the daemon may set, as the runtimes fail on a
 * value below (the kubelet asks -997 for guaranteed pods).
 */
export function oomScoreAdj(wanted: number | undefined, host: Pick<HostFacts, "oomScoreAdjMin">): number {
  return Math.min(1000, Math.max(host.oomScoreAdjMin, wanted ?? 0));
}
