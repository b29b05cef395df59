import { waitFor } from "../base/deadline.ts";
import { Fault } from "../base/fault.ts";
import type { ContainerId } from "../base/ids.ts";
import type { ContainerConfig } from "../spec/cri/container-config.ts";
import { containerPrefix } from "./checkpoint/pod-archive.ts";
import { createContainer } from "./create.ts";
import type { ContainerParts } from "./parts.ts";
import { startContainer } from "./start.ts";

/** Creates and starts the container that a pod's archive has by the config's name: it goes on from there. */
export async function restoreContainer(
  podId: string,
  config: ContainerConfig,
  path: string,
  parts: ContainerParts,
  signal: AbortSignal,
): Promise<ContainerId> {
  const { name } = config.metadata;
  const source = { from: path, prefix: containerPrefix(name) };
  const doing = `restoring container ${name}`;
  const id = await waitFor(createContainer(podId, config, parts, source), signal, doing);
  const record = parts.book.records.get(id);
  if (record === undefined) throw new Fault("notFound", `container ${name} (${id}) was removed`);
  await waitFor(startContainer(record, parts), signal, doing);
  return id;
}
