import type { ApiNode } from "./parts.ts";

/**
 * The snapshotter that images for a runtime handler's pods are unpacked in. An empty name stands for the default handler.
 *
 * @throws {Fault} notFound for a handler that there is not
 */
export function snapshotterOf(
  runtimeHandler: string,
  { runtime, storage }: Pick<ApiNode, "runtime" | "storage">,
): string {
  const { snapshotters } = storage;
  if (runtimeHandler !== "") return snapshotters.nameFor(runtime.resolveHandler(runtimeHandler).handler);
  const isDefault = runtime.probes().some(({ problem }) => problem === undefined);
  // Images can be had where nothing can run them.
  return isDefault ? snapshotters.nameFor(runtime.resolveHandler("").handler) : snapshotters.usual;
}
