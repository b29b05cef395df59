import { describeFault } from "../../base/fault.ts";
import type { ContainerEvent, NriSubject } from "../../nri/contract.ts";
import { criResources, nriResourcesOfCri } from "../../nri/cri-resources.ts";
import type { LinuxResources } from "../../spec/cri/resources.ts";
import type { OciConfig } from "../../spec/oci-runtime.ts";
import type { ResourceChange } from "../limits/resource-change.ts";
import type { ContainerHost, ContainerParts } from "../parts.ts";
import type { ContainerRecord } from "../state.ts";
import { describeContainer } from "./describe.ts";

/** A container that is there, and its pod, as plugins see them. @throws {Fault} notFound when its pod is gone */
function subjectOf(
  record: ContainerRecord,
  { host, pods }: Pick<ContainerParts, "host" | "pods">,
): NriSubject {
  return { pod: pods.described(record.podId), container: describeRecorded(record, host) };
}

/** With the limits that it has now. */
export function describeRecorded(record: ContainerRecord, host: Pick<ContainerHost, "runtime" | "spec">) {
  const config = host.runtime.configOf(record.id);
  return describeContainer(record, config && withResources(config, record.resources, host));
}

function withResources(
  config: OciConfig,
  resources: LinuxResources,
  { spec }: Pick<ContainerHost, "spec">,
): OciConfig {
  const made = config.linux.resources ?? {};
  const now = spec.resources(resources);
  const cpu = { ...made.cpu, ...now.cpu };
  const memory = { ...made.memory, ...now.memory };
  return { ...config, linux: { ...config.linux, resources: { ...made, ...now, cpu, memory } } };
}

/** Tells the plugins, when there are any. @throws {Fault} of startContainer, with what a plugin has against it */
export async function tellPlugins(
  event: ContainerEvent,
  record: ContainerRecord,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<void> {
  const { nri } = parts.host;
  if (!nri.isIdle) await nri.containerEvent(event, () => subjectOf(record, parts), signal);
}

/** Tells the plugins when it is their turn. Never throws. */
export function tellStopped(record: ContainerRecord, parts: ContainerParts): void {
  try {
    parts.host.nri.containerStopped(record.id, () => subjectOf(record, parts));
  } catch (error) {
    const subject = { pod: record.podId, container: record.id };
    parts.book.log.warn(
      { ...subject, err: describeFault(error) },
      "its stop could not be told to NRI plugins",
    );
  }
}

/** What the plugins give a container that is asked to be updated. @throws {Fault} with what a plugin has against it */
export async function updateByPlugins(
  record: ContainerRecord,
  wanted: LinuxResources,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<ResourceChange> {
  const { nri } = parts.host;
  if (nri.isIdle) return { resources: wanted };
  const asked = nriResourcesOfCri(wanted);
  const answer = await nri.updateContainer(() => subjectOf(record, parts), asked, signal);
  if (answer === undefined) return { resources: wanted };
  return { resources: { ...wanted, ...criResources(answer.resources) }, owners: answer.owners };
}
