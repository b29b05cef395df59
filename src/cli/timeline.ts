import type { StepTime } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import { table } from "./output/table.ts";
import { milliseconds } from "./output/units.ts";

/** A step of the start of a pod sandbox, or of a container in it. */
export interface TimelineStep extends StepTime {
  readonly of: "pod" | "container";
}

/** Who spends the time of a step: programs that berth only waits for, or berth. */
type Share = "CNI" | "runtime" | "berth";

const shares: Readonly<Record<string, Share>> = {
  network: "CNI",
  init: "runtime",
  monitor: "runtime",
  start: "runtime",
};

/** Each step of a start with its time, then what CNI plugins, the OCI runtime and berth itself took together. */
export function timelineTable(timeline: readonly TimelineStep[]): string {
  const sums = new Map<Share, Ms>([
    ["CNI", 0],
    ["runtime", 0],
    ["berth", 0],
  ]);
  const rows = timeline.map(({ of, step, ms }) => {
    const share = shares[step] ?? "berth";
    sums.set(share, (sums.get(share) ?? 0) + ms);
    return [of, step, milliseconds(ms), share];
  });
  const totals = [...sums].map(([share, ms]) => ["all", "", milliseconds(ms), share]);
  return table(["OF", "STEP", "MS", "SPENT BY"], [...rows, ...totals]);
}
