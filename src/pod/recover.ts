import { describeFault } from "../base/fault.ts";
import { nowNanos } from "../base/units.ts";
import { podName } from "./key.ts";
import type { PodParts } from "./parts.ts";
import { clearFailed } from "./run.ts";
import { type PodSandboxRecord, podStranded } from "./state.ts";
import { stopPodSandbox } from "./stop.ts";

/**
 * Brings the records that an earlier daemon left back in line with the host: runs that it was killed in are undone,
 * stops are finished, pods of another boot become not ready. Each pod on its own; none keeps the others waiting.
 */
export async function recoverPodSandboxes(parts: PodParts): Promise<void> {
  await Promise.all(
    [...parts.book.records.values()].map((record) =>
      recoverOne(record, parts).catch((error: unknown) => {
        parts.book.log.error(
          { pod: record.id, err: describeFault(error) },
          "the pod could not be recovered; it stays for Stop and Remove",
        );
      }),
    ),
  );
}

async function recoverOne(record: PodSandboxRecord, parts: PodParts): Promise<void> {
  const { book } = parts;
  switch (record.state.kind) {
    case "making": {
      book.log.info(
        { pod: record.id, name: podName(record.config) },
        "undoing a run that the last daemon was killed in",
      );
      using _pod = await book.locks.hold(record.id, AbortSignal.timeout(parts.host.config.deadline.undo));
      if (book.records.get(record.id)?.state.kind === "making") await clearFailed(record, parts);
      return;
    }
    case "stopping":
      return await stopPodSandbox(record.id, parts);
    case "ready": {
      if (record.bootId === book.bootId) return;
      book.log.info(
        { pod: record.id, name: podName(record.config) },
        "the pod ran in an earlier boot: not ready any more",
      );
      const lost = podStranded(record, "boot", "the node was rebooted while the pod ran", nowNanos());
      await book.records.put(record.id, lost);
      return await stopPodSandbox(record.id, parts);
    }
    case "stranded":
    case "stopped":
      return;
  }
}
