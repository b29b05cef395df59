import { describeFault } from "../base/fault.ts";
import { podName } from "./key.ts";
import type { PodParts } from "./parts.ts";
import type { PodSandboxRecord } from "./state.ts";
import { stopPodSandbox } from "./stop.ts";
import { clearFailed } from "./undo.ts";

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
    case "making":
      return await undoRun(record, parts);
    case "stopping":
      return await stopPodSandbox(record.id, parts);
    case "ready":
      if (record.bootId === book.bootId) return;
      book.log.info(
        { pod: record.id, name: podName(record.config) },
        "the pod ran in an earlier boot: stopping it",
      );
      return await stopPodSandbox(record.id, parts);
    case "stranded":
      return record.state.from === "run"
        ? await undoRun(record, parts)
        : await stopPodSandbox(record.id, parts);
    case "stopped":
      return;
  }
}

async function undoRun(standing: PodSandboxRecord, parts: PodParts): Promise<void> {
  const { book, host } = parts;
  book.log.info(
    { pod: standing.id, name: podName(standing.config) },
    "undoing a run that did not come to its end",
  );
  using _pod = await book.locks.hold(standing.id, AbortSignal.timeout(host.config.deadline.undo));
  const record = book.records.get(standing.id);
  const { state } = record ?? {};
  if (record !== undefined && (state?.kind === "making" || state?.kind === "stranded"))
    await clearFailed(record, parts);
}
