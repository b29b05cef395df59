import type { TestDaemon } from "../test/harness/daemon.ts";

/** What a kubelet asks of a runtime on a node where nothing happens, and how often. */
const rounds = [
  { everyMs: 1_000, calls: ["listPodSandbox", "listContainers"] },
  { everyMs: 5_000, calls: ["version", "status"] },
  { everyMs: 10_000, calls: ["listPodSandboxStats", "listContainerStats"] },
] as const;

/** Asks as a kubelet does, from another process's side, until it is disposed of. */
export function askLikeKubelet(daemon: TestDaemon): Disposable {
  const timers = rounds.map(({ everyMs, calls }) =>
    setInterval(async () => {
      for (const call of calls) await daemon.pods[call]({} as never);
    }, everyMs),
  );
  return { [Symbol.dispose]: () => timers.forEach(clearInterval) };
}
