import { Fault } from "../../base/fault.ts";
import type { ContainerId } from "../../base/ids.ts";
import type { Ms } from "../../base/units.ts";
import type { CgroupMetrics } from "../../stats/metrics-contract.ts";
import type { Any } from "../../wire/gen/task.v2.ts";
import { decodeMetricsV1 } from "./metrics-v1.ts";
import { decodeMetricsV2 } from "./metrics-v2.ts";
import type { ShimParts } from "./parts.ts";

/** How long a shim may take to tell: it may have to ask within a virtual machine. */
const tellDeadline: Ms = 3_000;

const decoders: ReadonlyMap<string, (bytes: Uint8Array) => CgroupMetrics> = new Map([
  ["io.containerd.cgroups.v1.Metrics", decodeMetricsV1],
  ["io.containerd.cgroups.v2.Metrics", decodeMetricsV2],
]);

/**
 * A container's figures, as its shim tells them. Undefined when that is gone, or tells none.
 *
 * @throws {Fault} unimplemented for figures in a format that is not known; deadline; as the shim says
 */
export async function metricsByShim(
  id: ContainerId,
  { shims }: Pick<ShimParts, "shims">,
  signal: AbortSignal,
): Promise<CgroupMetrics | undefined> {
  const shim = await shims.of(id, signal);
  const told = await shim?.calls.stats({ id }, { timeout: tellDeadline, signal });
  return told?.stats && decodeMetrics(told.stats);
}

/** @throws {Fault} unimplemented for a format that is not known; corrupt */
export function decodeMetrics({ typeUrl, value }: Any): CgroupMetrics {
  const name = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
  const decode = decoders.get(name);
  if (decode === undefined) {
    throw new Fault(
      "unimplemented",
      `the shim tells statistics as ${JSON.stringify(name)}, which berth can't read`,
    );
  }
  try {
    return decode(value);
  } catch (error) {
    throw new Fault("corrupt", `the shim's ${name} can't be read`, { cause: error });
  }
}
