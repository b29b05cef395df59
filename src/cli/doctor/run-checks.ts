import { deadlineIn, waitFor } from "../../base/deadline.ts";
import { describeFault, isFault } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { Check } from "./checks.ts";
import { type Finding, problem, warning } from "./finding.ts";
import type { NodeView } from "./node-view.ts";

/** How long one check may take; what does not answer by then (a dead network file system) is told. */
const checkDeadline: Ms = 6000;

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
    const finding = isLate
      ? problem(
          `this could not be checked within ${checkDeadline / 1000} s`,
          "something does not answer; what else is wrong here stays unknown",
          "look for a disk or network file system that hangs: cat /proc/mounts, journalctl -k",
        )
      : warning(
          `this could not be checked: ${describeFault(error)}`,
          "what is wrong here stays unknown",
          process.geteuid?.() === 0 ? "put that right, and look again" : "sudo berth doctor",
        );
    return { check: name, findings: [finding], isLate };
  }
}
