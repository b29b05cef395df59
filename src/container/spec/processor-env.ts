import type { FoundFacts } from "./input.ts";

/** What tells programs which of a container's processors are which, under the names that CRI-O gives. */
export function processorEnv({
  processors,
  housekeeping,
}: Pick<FoundFacts, "processors" | "housekeeping">): readonly (readonly [string, string])[] {
  const env: [string, string][] = [];
  if (processors?.shared !== undefined)
    env.push(["OPENSHIFT_ISOLATED_CPUS", processors.own], ["OPENSHIFT_SHARED_CPUS", processors.shared]);
  if (housekeeping !== undefined) env.push(["OPENSHIFT_HOUSEKEEPING_CPUS", housekeeping]);
  return env;
}
