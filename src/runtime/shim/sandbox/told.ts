import type { ContainerId } from "../../../base/ids.ts";
import type { Ms } from "../../../base/units.ts";
import type { CgroupMetrics } from "../../../stats/metrics-contract.ts";
import type { SandboxPlatform } from "../../../wire/gen/sandbox.v1.ts";
import type { SandboxStatus } from "../../contract.ts";
import { decodeMetrics } from "../metrics.ts";
import type { ShimParts } from "../parts.ts";

/** How long a shim may take to tell. */
const tellDeadline: Ms = 3_000;

/** What a shim says of its sandbox. Undefined when the shim is gone. @throws {Fault} deadline; as the shim says */
export async function sandboxStatus(
  sandboxId: ContainerId,
  { shims }: Pick<ShimParts, "shims">,
  signal: AbortSignal,
): Promise<SandboxStatus | undefined> {
  const shim = await shims.of(sandboxId, signal);
  if (shim === undefined) return undefined;
  const options = { timeout: tellDeadline, signal };
  const [{ pid, state, info, createdAt }, { platform }] = await Promise.all([
    shim.sandboxes.sandboxStatus({ sandboxId, verbose: true }, options),
    shim.sandboxes.platform({ sandboxId }, options),
  ]);
  return {
    pid,
    state,
    info,
    ...(createdAt && { createdAt: createdAt.seconds * 1_000_000_000n + BigInt(createdAt.nanos) }),
    ...(platform && { platform: platformText(platform) }),
  };
}

function platformText({ os, architecture, variant }: SandboxPlatform): string {
  return [os, architecture, variant].filter((part) => part !== "").join("/");
}

/**
 * What a sandbox uses, as its shim tells it. Undefined when that is gone, or tells none.
 *
 * @throws {Fault} unimplemented for figures in a format that is not known; deadline; as the shim says
 */
export async function sandboxMetrics(
  sandboxId: ContainerId,
  { shims }: Pick<ShimParts, "shims">,
  signal: AbortSignal,
): Promise<CgroupMetrics | undefined> {
  const shim = await shims.of(sandboxId, signal);
  const told = await shim?.sandboxes.sandboxMetrics({ sandboxId }, { timeout: tellDeadline, signal });
  return told?.metrics?.data && decodeMetrics(told.metrics.data);
}
