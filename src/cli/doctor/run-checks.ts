import { deadlineIn, waitFor } from "../../base/deadline.ts";
import { describeFault, isFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Check } from "./checks.ts";
import { type Finding, warning } from "./finding.ts";
import type { NodeView } from "./node-view.ts";

/** How long one check may take; what does not answer by then (a dead network file system) is told. */
const checkDeadline: Ms = 10_000;

/** A check and what it found. */
export interface CheckResult {
  readonly check: string;
  readonly findings: readonly Finding[];
  /** True when it did not come to its end in time, and may still be waiting for something. */
  readonly isLate: boolean;
}

/** Makes all checks side by side. One that fails says so and does not end the others. */
export function runChecks(checks: readonly Check[], node: NodeView): Promise<CheckResult[]> {
  return Promise.all(checks.map((check) => runCheck(check, node)));
}

async function runCheck({ name, load }: Check, node: NodeView): Promise<CheckResult> {
  using deadline = deadlineIn(checkDeadline);
  try {
    const work = load().then((look) => look(node));
    return { check: name, findings: await waitFor(work, deadline.signal, "looking"), isLate: false };
  } catch (error) {
    const isLate = isFault(error, "deadline");
    const what = isLate
      ? `this could not be checked within ${checkDeadline / 1000} s`
      : `this could not be checked: ${describeFault(error)}`;
    const remedy = isLate
      ? "look for a disk or network file system that does not answer: cat /proc/mounts"
      : "";
    return { check: name, findings: [warning(what, "what is wrong here stays unknown", remedy)], isLate };
  }
}
