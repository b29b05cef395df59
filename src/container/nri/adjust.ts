import { Fault } from "../../base/fault.ts";
import { type CgroupNaming, cgroupNaming } from "../../config/cgroup-naming.ts";
import { expandSlice } from "../../linux/slice.ts";
import { criResources } from "../../nri/cri-resources.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import { mergeResources } from "../limits/merge-resources.ts";
import type { ContainerAttempt } from "../parts.ts";
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
  const adjusted = await host.spec.adjust(config, adjustment, record.handler);
  const { cgroupsPath } = adjusted.linux;
  const given = criResources(adjustment.linux?.resources);
  attempt.adjustedBy = owners;
  attempt.adjusted = {
    resources: mergeResources(record.resources, given, given),
    ...(cgroupsPath === undefined || cgroupsPath === config.linux.cgroupsPath
      ? {}
      : { cgroup: cgroupAt(cgroupsPath, cgroupNaming(host.config)) }),
  };
  return adjusted;
}

/** The cgroup of a `cgroupsPath`, as a path from the root of the hierarchies. @throws {Fault} invalid for one of another driver */
function cgroupAt(path: string, { driver }: CgroupNaming): string {
  if (driver !== "systemd") {
    if (path.startsWith("/") && !path.split("/").includes("..")) return path;
    throw new Fault("invalid", `an NRI plugin sets the cgroups path "${path}", which is not absolute`);
  }
  const [slice = "", prefix, name] = path.split(":");
  if (prefix !== undefined && name !== undefined) return `${expandSlice(slice)}/${prefix}-${name}.scope`;
  throw new Fault("invalid", `an NRI plugin sets the cgroups path "${path}", which is not slice:prefix:name`);
}
