import { describeFault, during } from "../../base/fault.ts";
import type { Ms } from "../../base/units.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { OciResources } from "../../spec/oci-runtime.ts";
import { LimitsReader } from "../../stats/read-limits.ts";
import type { ContainerHost } from "../parts.ts";
import type { ContainerRecord, LiveState } from "../state.ts";
import { completeLimits } from "./complete-limits.ts";
import { setOomScore } from "./oom-score.ts";
import { previousResources } from "./previous-resources.ts";
import { requireRoom } from "./require-room.ts";

/** How long bringing back the limits from before may take: whoever asked for others waits for it. */
const takeBackDeadline: Ms = 20_000;

export type LiveContainer = ContainerRecord & { readonly state: LiveState };

/** Limits that were changed, and can be changed back. */
export interface ChangedLimits {
  /** As asked for, with what goes along with it. */
  readonly complete: LinuxResources;
  takeBack(): Promise<void>;
}

/**
 * Gives a container other limits, all that are named or none: what does not fit is refused before anything is changed, and
 * what the kernel refuses half-way is taken back. (The runtimes leave the first half: runc 1.1 tries to take it back and
 * fails on the same limit.)
 *
 * @throws {Fault} invalid, wrongState, forbidden; internal with what the runtime said
 */
export async function changeLimits(
  record: LiveContainer,
  wanted: LinuxResources,
  host: Pick<ContainerHost, "spec" | "runtime" | "cgroups">,
  signal: AbortSignal,
): Promise<ChangedLimits> {
  const { id, handler, cgroup } = record;
  const limits = new LimitsReader(host.cgroups);
  const complete = completeLimits(wanted, limits.read(cgroup));
  const change = host.spec.resources(complete);
  await requireRoom(record, change, limits, host.cgroups);
  const before = previousResources(change, record, limits);
  const { pid } = record.state.process.init;
  let scoreBefore: number | undefined;
  const takeBack = async () => {
    const undo = AbortSignal.timeout(takeBackDeadline);
    if (scoreBefore !== undefined) setOomScore(pid, await host.cgroups.processes(cgroup), scoreBefore);
    await updateIfAny(before, undo);
  };
  const updateIfAny = async (resources: OciResources, until: AbortSignal) => {
    if (Object.keys(resources).length > 0) await host.runtime.update(id, handler, resources, until);
  };
  try {
    await updateIfAny(change, signal);
    if (wanted.oomScoreAdj !== undefined && host.runtime.isOnHost(id, handler)) {
      const score = host.spec.oomScoreAdj(wanted.oomScoreAdj);
      scoreBefore = setOomScore(pid, await host.cgroups.processes(cgroup), score);
    }
    return { complete, takeBack };
  } catch (error) {
    const left = await takeBack().then(() => undefined, describeFault);
    if (left === undefined) throw error;
    throw during(`the limits from before could not be brought back (${left})`, error);
  }
}
