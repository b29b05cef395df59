import type { Config } from "../../config/schema.ts";
import { noLimit } from "../../spec/oci-json.ts";
import type { OciRlimit } from "../../spec/oci-runtime.ts";
import type { HostFacts } from "./input.ts";

/**
 * Limits, and others that take their place, lowered to what the daemon may set. What neither names, containers have from the
 * daemon.
 */
export function processRlimits(
  limits: Config["container"]["rlimits"],
  stronger: readonly OciRlimit[],
  host: Pick<HostFacts, "rlimitMax">,
): OciRlimit[] {
  const wanted = new Map([...limits, ...stronger].map((limit) => [limit.type, limit]));
  return [...wanted.values()].map(({ type, soft: wantedSoft, hard: wantedHard }) => {
    const [soft, hard] = [limitOf(wantedSoft), limitOf(wantedHard)];
    const max = host.rlimitMax.get(type) ?? Number.POSITIVE_INFINITY;
    return { type, soft: Math.min(soft, hard, max), hard: Math.min(hard, max) };
  });
}

/** Settings have -1 for no limit. */
function limitOf(setting: number): number {
  return setting === -1 ? noLimit : setting;
}
