import { deadlineIn } from "../base/deadline.ts";
import { during, Fault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import type { Ms } from "../base/units.ts";
import { nriResourcesOfCri } from "../nri/cri-resources.ts";
import { podName } from "./key.ts";
import { describePod, tellPlugins } from "./nri.ts";
import type { PodParts } from "./parts.ts";
import type { PodResources } from "./state.ts";

/** How long recording may take, the wait for another operation on the pod included. */
const updateDeadline: Ms = 60_000;

/**
 * Records what the containers of a pod, and the pod itself, may use together. Nothing is changed on the host: the pod's
 * cgroup is the caller's, who has changed it (the kubelet) or gave none.
 */
export async function updatePodResources(
  id: PodSandboxId,
  resources: PodResources,
  { book, host }: PodParts,
): Promise<void> {
  using deadline = deadlineIn(updateDeadline);
  using _pod = await book.locks.hold(id, deadline.signal);
  const record = book.records.get(id);
  if (record === undefined) throw new Fault("notFound", `there is no pod sandbox ${id}`);
  const doing = `changing the resources of pod ${podName(record.config)} (${id})`;
  const { kind } = record.state;
  if (kind !== "ready") throw new Fault("wrongState", `${doing}: it is ${kind}`);
  const changed = { ...record, resources: { ...record.resources, ...resources } };
  const { nri, paths } = host;
  try {
    if (!nri.isIdle) {
      const wanted = {
        overhead: resources.overhead && nriResourcesOfCri(resources.overhead),
        resources: resources.resources && nriResourcesOfCri(resources.resources),
      };
      await nri.updatePodSandbox(() => describePod(record, paths), wanted, deadline.signal);
    }
    await book.records.put(id, changed);
  } catch (error) {
    throw during(doing, error);
  }
  await tellPlugins("postUpdatePodSandbox", changed, host, deadline.signal);
  book.log.info({ pod: id, name: podName(record.config), ...resources }, "the pod's resources are changed");
}
