import type { Config } from "../../config/schema.ts";
import type { OciRlimit } from "../../spec/oci-runtime.ts";
import type { HostFacts } from "./input.ts";

/**
 * The limits of the configuration, lowered to what the daemon may set. Containers would else have the daemon's own,
 * which Node changes as it starts.
 */
export function processRlimits(
  configured: Config["container"]["rlimits"],
  host: Pick<HostFacts, "rlimitMax">,
): OciRlimit[] {
  return configured.map(({ type, soft, hard }) => {
    const max = host.rlimitMax.get(type) ?? Number.POSITIVE_INFINITY;
    return { type, soft: Math.min(soft, hard, max), hard: Math.min(hard, max) };
  });
}
