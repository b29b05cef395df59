import type { StepTime } from "../base/steps.ts";
import type { Ms } from "../base/units.ts";
import { table } from "./output/table.ts";
import { milliseconds } from "./output/units.ts";

/** A step of the start of a pod sandbox, or of a container in it. */
export interface TimelineStep extends StepTime {
  readonly of: "pod" | "container";
}

/** Who spends time: programs that berth only waits for, or berth itself. */
type Share = "CNI" | "runtime" | "berth";

/** Whom a step waits for, where it isn't the runtime. */
const shares: Readonly<Record<string, Share>> = { network: "CNI" };

/** Each step of a start with its time, then what CNI plugins, the OCI runtime and berth itself took together. */
export function timelineTable(timeline: readonly TimelineStep[]): string {
  const sums = new Map<Share, Ms>([
    ["CNI", 0],
    ["runtime", 0],
    ["berth", 0],
  ]);
  const add = (share: Share, ms: Ms) => sums.set(share, (sums.get(share) ?? 0) + ms);
  const rows = timeline.map(({ of, step, ms, outside = 0 }) => {
    const share = shares[step] ?? "runtime";
    add(share, outside);
    add("berth", ms - outside);
    return [of, step, milliseconds(ms), ...(outside === 0 ? ["", ""] : [milliseconds(outside), share])];
  });
  const totals = [...sums].map(([share, ms]) => ["all", "", milliseconds(ms), "", share]);
  return table(["OF", "STEP", "MS", "OUTSIDE", "SPENT BY"], [...rows, ...totals]);
}
