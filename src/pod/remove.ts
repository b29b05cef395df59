import type { PodSandboxId } from "../base/ids.ts";
import { publishLifecycle } from "../events/lifecycle.ts";
import { podName } from "./key.ts";
import { tellPlugins } from "./nri.ts";
import type { PodParts } from "./parts.ts";
import { stopPodSandbox } from "./stop.ts";

/** Stops the pod if it is not, removes its containers, and forgets it. A repeat joins. */
export function removePodSandbox(id: PodSandboxId, parts: PodParts): Promise<void> {
  const { book, host, containers } = parts;
  return book.removes.join(id, id, host.config.deadline.stopPod, async (signal) => {
    await stopPodSandbox(id, parts);
    using _pod = await book.locks.hold(id, signal);
    const record = book.records.get(id);
    if (record === undefined) return;
    await containers.removeAll(id, signal);
    await tellPlugins("removePodSandbox", record, host, signal);
    await book.records.delete(id); // forgotten last
    publishLifecycle(book.events, "deleted", { container: id, pod: id });
    book.log.info({ pod: id, name: podName(record.config) }, "pod sandbox is removed");
  });
}
