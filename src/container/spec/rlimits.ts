import type { Config } from "../../config/schema.ts";
import { noLimit } from "../../spec/oci-json.ts";
import type { OciRlimit } from "../../spec/oci-runtime.ts";
import type { HostFacts } from "./input.ts";

/**
 * The limits of the configuration, and those of a base, which are stronger, lowered to what the daemon may set. What it does not name, containers have
 * from the daemon.
 */
export function processRlimits(
  configured: Config["container"]["rlimits"],
  ofBase: readonly OciRlimit[],
  host: Pick<HostFacts, "rlimitMax">,
): OciRlimit[] {
  const wanted = new Map([...configured, ...ofBase].map((limit) => [limit.type, limit]));
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
