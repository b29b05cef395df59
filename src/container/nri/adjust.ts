import { during, Fault } from "../../base/fault.ts";
import { adjusters } from "../../nri/adjusters.ts";
import type { NriAdjustment } from "../../nri/contract.ts";
import { criResources } from "../../nri/cri-resources.ts";
import { cgroupOf } from "../../runtime/bundle.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import { mergeResources } from "../limits/merge-resources.ts";
import type { ContainerAttempt, ContainerHost } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";
import { describeContainer } from "./describe.ts";

/**
 * What a container is to run with, as the plugins want it; what of that its record is to say is left in `attempt`.
 *
 * @throws {Fault} with what a plugin has against it, which two set the same, or what can't be given
 */
export async function adjustByPlugins(
  record: ContainerRecord,
  attempt: ContainerAttempt,
  config: OciConfig,
  signal: AbortSignal,
): Promise<OciConfig> {
  const { host, described } = attempt;
  if (host.nri.isIdle || described === undefined) return config;
  const subject = () => ({ pod: described(), container: describeContainer(record, config) });
  const answer = await host.nri.createContainer(subject, signal);
  if (answer === undefined) return config;
  const { adjustment, owners } = answer;
  const adjusted = await host.spec.adjust(config, adjustment, record.handler).catch((error: unknown) => {
    throw during(`adjusting the container as ${pluginsIn(owners)} ask`, error);
  });
  const isMoved = adjusted.linux.cgroupsPath !== config.linux.cgroupsPath;
  const given = criResources(adjustment.linux?.resources);
  attempt.adjustedBy = owners;
  attempt.adjusted = {
    resources: mergeResources(record.resources, given, given),
    ...(isMoved ? { cgroup: await newCgroup(adjusted, host) } : {}),
  };
  return adjusted;
}

/** As in `NRI plugins 10-first, 20-second`. */
export function pluginsIn(owners: NriAdjustment["owners"]): string {
  return `NRI plugins ${[...adjusters(owners)].sort().join(", ")}`;
}

/**
 * The cgroup that a plugin has chosen, as a path from the root of the hierarchies.
 *
 * @throws {Fault} invalid for a path that is none of this node's driver; wrongState for a group that is there: what runs in it, or
 * comes into it, would be killed with the container
 */
async function newCgroup(
  adjusted: OciConfig,
  { cgroups, config }: Pick<ContainerHost, "cgroups" | "config">,
): Promise<string> {
  const { cgroupsPath = "" } = adjusted.linux;
  const doing = `an NRI plugin sets the cgroups path "${cgroupsPath}"`;
  const [form, words] =
    config.cgroup.driver === "systemd"
      ? [/^[^/:]+:[^/:]+:[^/:]+$/, "slice:prefix:name"]
      : [/^\/[^:]+$/, "an absolute path below the root"];
  const cgroup = form.test(cgroupsPath) ? cgroupOf(adjusted) : undefined;
  if (cgroup === undefined) throw new Fault("invalid", `${doing}, which is not ${words}`);
  const isThere = await cgroups.exists(cgroup).catch((error: unknown) => {
    throw during(doing, error);
  });
  if (isThere)
    throw new Fault("wrongState", `${doing}: there is a cgroup ${cgroup} already`, {
      hint: "a container's cgroup is its own, and goes with it",
    });
  return cgroup;
}
