import { describeFault } from "../base/fault.ts";
import type { PodSandboxId } from "../base/ids.ts";
import { liveContainers, recordExit } from "../container/exits.ts";
import { exitInSandbox, sandboxContainers, stopPodOfSandbox } from "../pod/sandbox-exit.ts";
import type { NodeParts } from "./node-parts.ts";

/** Records exits as they happen, and those that happened while no daemon ran, until disposed of. */
export function watchExits(
  node: Pick<NodeParts, "containerParts" | "podParts" | "runtime" | "log">,
): Disposable {
  const { containerParts, podParts, runtime, log } = node;
  function* running() {
    yield* liveContainers(containerParts.book);
    yield* sandboxContainers(podParts.book);
  }
  /** Those that could not be recorded, of which the log tells once: they are tried again and again. */
  const failing = new Set<string>();
  return runtime.watchExits(running, async (exit) => {
    const pods = podParts.book.records;
    const isPods = pods.get(exit.id as string as PodSandboxId) !== undefined; // its own container has the pod's id
    const pod = containerParts.book.records.get(exit.id)?.podId;
    try {
      if (isPods) await stopPodOfSandbox(exit, podParts);
      else await recordExit(exitInSandbox(exit, pod && pods.get(pod), runtime), containerParts);
      failing.delete(exit.id);
    } catch (error) {
      const level = failing.has(exit.id) ? "debug" : "error";
      log[level](
        { container: exit.id, err: describeFault(error) },
        "an exit could not be recorded; it will be tried again",
      );
      failing.add(exit.id);
      throw error;
    }
  });
}
