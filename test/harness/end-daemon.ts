import type { TestDaemon } from "./daemon.ts";
import { assertNoLeaks } from "./leaks.ts";
import { removeAllPods } from "./pods.ts";

/** Ends a suite's daemon: removes every pod, and fails if that leaves anything on the host. */
export async function endDaemon(daemon: TestDaemon): Promise<void> {
  try {
    await removeAllPods(daemon);
    await assertNoLeaks(daemon);
  } finally {
    await daemon.close();
  }
}
